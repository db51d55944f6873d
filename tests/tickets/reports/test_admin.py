"""The pages of exports: small files at once, large ones later, only for users with the right."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from events.models import Event, Membership, Role
from tests.make import make_event, make_organizer, make_paid_order, make_user
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.models import Act, ActType, User
from ticketing.queue.messages import Message
from tickets.reports import asking
from tickets.reports.models import Export, ScheduledReport

pytestmark = pytest.mark.django_db(transaction=True)

ADD = "/admin/reports/export/add/"
LIST = "/admin/reports/export/"


def browse(user: User, language: str = "pt-br") -> Client:
    client = Client(headers={"Accept-Language": language})
    client.force_login(user)
    return client


def member_of(event: Event, role: Role = Role.FINANCE, **fields: Any) -> User:
    return make_user(organizer=event.organizer, role=role, is_staff=True, **fields)


def wanted(event: Event | None, **fields: Any) -> dict[str, Any]:
    sent = {"kind": "attendees", "file_format": "csv", "language": "pt-br"}
    return sent | {"event": str(event.pk) if event else ""} | fields


def make_export(event: Event, **fields: Any) -> Export:
    now = clock.now()
    usual: dict[str, Any] = {
        "event": event,
        "asked_by": make_user(),
        "kind": "attendees",
        "object_name": "exports/a.csv",
        "asked_at": now,
        "finished_at": now,
        "expires_at": now + timedelta(hours=24),
        "ask_again_at": now,
    }
    return Export.objects.create(organizer=event.organizer, **(usual | fields))


def test_a_small_export_is_downloaded_at_once_and_recorded_without_personal_data():
    event = make_event(slug="noite-de-jazz")
    make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
    user = member_of(event)

    response = browse(user).post(ADD, wanted(event))

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert (
        'attachment; filename="participantes-noite-de-jazz-'
        in response.headers["Content-Disposition"]
    )
    assert response.headers["Cache-Control"] == "private, no-store"
    lines = response.content.decode("utf-8-sig").splitlines()
    assert lines[0].startswith("Nome do titular;Ingresso;")
    assert len(lines) == 3
    assert Export.objects.count() == 0
    act = Act.objects.get(type=ActType.EVENT_EXPORTED)
    assert (act.subject_id, act.actor_id) == (event.pk, str(user.pk))
    assert act.details == {"kind": "attendees", "format": "csv", "rows": 2}


def test_a_large_export_is_written_by_a_worker(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(asking, "MOST_AT_ONCE", 1)
    event = make_event()
    make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)
    queue.sent.clear()

    response = browse(member_of(event, email="bia@example.com")).post(
        ADD, wanted(event), follow=True
    )

    export = Export.objects.get()
    assert queue.sent == [(Message.WRITE_EXPORT, {"export_id": str(export.pk)})]
    assert response.redirect_chain == [(LIST, 302)]
    assert "bia@example.com" in response.content.decode()
    assert "em andamento" in response.content.decode()
    assert not Act.objects.filter(type=ActType.EVENT_EXPORTED).exists()


def test_no_more_than_ten_exports_of_an_organizer_wait(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(asking, "MOST_AT_ONCE", 0)
    event = make_event()
    make_paid_order(ticket_type=event.ticket_types.get())
    for _ in range(10):
        make_export(event, finished_at=None)

    page = browse(member_of(event), "en").post(ADD, wanted(event), follow=True)

    assert Export.objects.count() == 10
    assert "being written already" in page.content.decode()


def test_orders_of_a_period_of_all_events_of_the_only_organizer():
    event = make_event()
    make_paid_order(ticket_type=event.ticket_types.get())
    day = clock.now().date()
    client = browse(member_of(event))

    def lines(**fields: Any) -> int:
        response = client.post(ADD, wanted(None, kind="orders", **fields))
        return len(response.content.splitlines())

    assert lines() == 2
    around = {"first_day": day - timedelta(days=1), "last_day": day + timedelta(days=1)}
    assert lines(**around) == 2
    assert lines(last_day=day - timedelta(days=2)) == 1
    assert Act.objects.filter(type=ActType.ORGANIZER_EXPORTED).count() == 3


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"event": ""}, "event"),
        ({"kind": "secrets"}, "kind"),
        ({"first_day": "2026-02-01", "last_day": "2026-01-31"}, "last_day"),
        ({"first_day": "yesterday"}, "first_day"),
    ],
)
def test_bad_input_shows_an_error_at_its_field_and_exports_nothing(
    fields: dict[str, str], field: str
):
    event = make_event()

    response = browse(member_of(event)).post(ADD, wanted(event) | fields)

    assert response.status_code == 200
    assert "text/html" in response.headers["Content-Type"]
    assert response.context["adminform"].form.errors[field]
    assert not Act.objects.filter(type=ActType.EVENT_EXPORTED).exists()


def test_a_user_exports_no_event_of_another_organizer_and_none_outside_the_own_ones():
    ours, theirs = make_event(), make_event()
    limited = member_of(ours)
    membership = Membership.objects.get(user=limited)
    membership.only_some_events = True
    membership.save()
    membership.events.add(ours)
    other = make_event(organizer=ours.organizer)
    client = browse(limited)

    def is_file(**fields: Any) -> bool:
        response = client.post(ADD, wanted(**fields))
        return "Content-Disposition" in response.headers

    assert is_file(event=ours)
    assert not is_file(event=other)
    assert not is_file(event=theirs)
    # All events of the organizer are more than the user may see.
    assert not is_file(event=None, kind="orders")


@pytest.mark.parametrize("role", [Role.DOOR, Role.VIEWER])
def test_a_role_without_the_right_sees_no_page_of_exports(role: Role):
    event = make_event()
    export = make_export(event)
    client = browse(member_of(event, role))

    pages = [LIST, ADD, f"{LIST}{export.pk}/download/", "/admin/reports/scheduledreport/"]
    assert [client.get(page).status_code for page in pages] == [403, 403, 404, 403]
    assert client.post(ADD, wanted(event)).status_code == 403
    assert not Act.objects.filter(type=ActType.EVENT_EXPORTED).exists()


def test_a_download_checks_the_right_and_is_recorded_each_time():
    event = make_event()
    export = make_export(event, rows=7)
    user = member_of(event)
    url = reverse("admin:reports_export_download", args=[export.pk])

    first = browse(user).get(url)
    Membership.objects.filter(user=user).delete()
    after = browse(user).get(url)
    stranger = browse(member_of(make_event())).get(url)

    assert first.status_code == 302
    assert first.headers["Location"] == "https://files.example.com/exports/a.csv"
    assert first.headers["Cache-Control"] == "private, no-store"
    assert (after.status_code, stranger.status_code) == (404, 404)
    act = Act.objects.get(type=ActType.EVENT_EXPORTED)
    assert (act.actor_id, act.details["rows"]) == (str(user.pk), 7)


def test_an_export_that_is_not_finished_or_has_expired_is_not_downloaded():
    event = make_event()
    exports = [
        make_export(event, finished_at=None),
        make_export(event, expires_at=clock.now() - timedelta(seconds=1)),
    ]
    client = browse(member_of(event))

    for export in exports:
        assert client.get(f"{LIST}{export.pk}/download/").status_code == 404


def test_an_export_of_all_events_is_not_for_a_member_with_some_events():
    event = make_event()
    whole = make_export(event, kind="orders")
    Export.objects.update(event=None)
    limited = member_of(event)
    membership = Membership.objects.get(user=limited)
    membership.only_some_events = True
    membership.save()
    membership.events.add(event)

    assert browse(limited).get(f"{LIST}{whole.pk}/download/").status_code == 404
    assert browse(member_of(event)).get(f"{LIST}{whole.pk}/download/").status_code == 302


def test_the_form_is_filled_in_from_the_address_and_in_the_users_language():
    event = make_event(name="Noite de Jazz")

    page = browse(member_of(event), "en").get(f"{ADD}?event={event.pk}&kind=tickets")

    form = page.context["adminform"].form
    assert form["language"].value() == "en"
    assert form["kind"].value() == "tickets"
    assert "Noite de Jazz" in page.content.decode()
    assert "organizer" not in form.fields


def test_a_user_of_two_organizers_chooses_one_for_all_events():
    event = make_event()
    user = member_of(event)
    other = make_organizer(name="Casa Verde")
    Membership.objects.create(organizer=other, user=user)
    client = browse(user)

    missing = client.post(ADD, wanted(None, kind="orders"))
    chosen = client.post(ADD, wanted(None, kind="orders", organizer=str(other.pk)))

    assert missing.context["adminform"].form.errors["organizer"]
    assert 'filename="pedidos-casa-verde-' in chosen.headers["Content-Disposition"]


def test_a_report_is_scheduled_for_members_with_the_right_and_stopped():
    event = make_event()
    user, colleague = member_of(event), member_of(event)
    viewer = member_of(event, Role.VIEWER)
    client = browse(user)
    url = "/admin/reports/scheduledreport/add/"
    sent = wanted(event, frequency="weekly", recipients=[user.pk, colleague.pk])

    refused = client.post(url, sent | {"recipients": [viewer.pk]})
    assert refused.status_code == 200
    assert client.post(url, sent).status_code == 302

    report = ScheduledReport.objects.get()
    assert set(report.recipients.all()) == {user, colleague}
    assert report.next_at > clock.now()
    assert Act.objects.get(subject_id=report.pk).type == ActType.REPORT_SCHEDULED
    stop = {"action": "end_chosen", "_selected_action": [report.pk], "confirmed": "yes"}
    client.post("/admin/reports/scheduledreport/", stop)
    assert not ScheduledReport.objects.exists()
    assert mail.outbox == []
