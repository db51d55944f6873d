"""No page, search, filter or action of the admin shows data of another organizer."""

import html
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urljoin
from uuid import UUID

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import CharField, TextField, UUIDField
from django.test import Client
from django.urls import reverse

from events.models import (
    ApiToken,
    ChangeForBuyers,
    Event,
    Invitation,
    Membership,
    Organizer,
    RefundPolicy,
    TicketType,
)
from events.organizing import change_event
from events.terms import Texts, save_terms
from orders.box_office import sell_at_box_office
from orders.box_office_record import BoxOfficeMethod
from orders.guest_list_files import RawLine
from orders.guest_lists import check_guest_list
from orders.models import CashDifference, Consent, HolderName, Order, TicketExchange
from orders.openings import note_opening
from orders.pix import request_pix
from tests.make import (
    SOMEBODY,
    a_sale,
    answer,
    as_bearer,
    make_device,
    make_event,
    make_paid_order,
    make_promo_code,
    make_question,
    make_reserved_order,
    make_user,
)
from ticketing import clock
from ticketing.ids import new_id
from ticketing.models import User
from tickets.models import (
    Device,
    ErasedEvent,
    ErasureRun,
    RefundRequest,
    Ticket,
    Transfer,
    TransferMail,
)
from tickets.notices.choices import Chosen, choose_notices
from tickets.notices.member_models import MemberNotice
from tickets.notices.models import Notice
from tickets.notices.reminder_models import EventReminder, NoReminders, Reminder
from tickets.notices.requests import request_change_notices
from tickets.reports.models import Export, ScheduledReport
from tickets.webhooks.models import WebhookAttempt, WebhookEndpoint, WebhookMessage
from tickets.webhooks.sending import send_test

pytestmark = pytest.mark.django_db(transaction=True)

OURS = ("events", "orders", "tickets", "notices", "reports", "webhooks")
MOST_PAGES = 300
SHORTEST_TEXT = 5
LINK = re.compile(r"""(?:href|action|src|data-[\w-]*url|hx-get)=["']([^"']+)["']""")


@dataclass
class OrganizerRows:
    """An organizer's rows of every model, with the texts and ids that only these rows have."""

    member: User
    rows: list[Any]
    texts: set[str]


def populate(mark: str, *, organizer: Organizer | None = None) -> list[Any]:
    """Make a row of each model, with `mark` in every text, for an organizer: a new one if None."""
    before = {model: set(model.objects.values_list("pk", flat=True)) for model in our_models()}
    organizer = organizer or Organizer.objects.create(
        name=f"Casa {mark}", email=f"casa@{mark}.example.com"
    )
    fields: dict[str, Any] = {
        "name": f"Show {mark}",
        "venue": f"Teatro {mark}",
        "city": f"Cidade {mark}",
        "address": f"Rua {mark}",
        "description": f"Sobre {mark}",
        "image_url": f"https://{mark}.example.com/a.png",
    }
    event = make_event(organizer=organizer, **fields, slug=f"show-{mark}")
    make_event(organizer=organizer, status="draft", **fields, slug=f"draft-{mark}")
    make_event(organizer=organizer, status="cancelled", **fields, slug=f"off-{mark}")
    kind = event.ticket_types.get()
    kind.event.ticket_types.update(name=f"Pista {mark}")
    order = make_paid_order(ticket_type=kind)
    make_reserved_order(ticket_type=kind)
    make_rows_of_the_shop(order, mark)
    given = a_sale(kind, reason=f"Imprensa {mark}")
    sell_at_box_office(sale=given, user_id=None, actor=SOMEBODY, now=clock.now())
    check_guest_list(
        event=event,
        lines=[RawLine(1, f"Convidado {mark}", f"c@{mark}.example.com", "", "1")],
        method=BoxOfficeMethod.COMPLIMENTARY,
        reason=f"Motivo {mark}",
        language="pt-br",
        file_name=f"lista-{mark}.csv",
        user_id=None,
        actor=SOMEBODY,
        now=clock.now(),
    )
    orders = Order.objects.filter(event=event)
    orders.update(customer_name=f"Ana {mark}", customer_email=f"ana@{mark}.example.com")
    ticket = Ticket.objects.of_order(order.pk).get()
    Ticket.objects.filter(order__in=orders).update(holder_name=f"Bia {mark}")
    scanner = make_device(event, gate=f"Gate {mark}")
    Device.objects.filter(events=event).update(name=f"Scanner {mark}", hint=f"dev_{mark[:8]}")
    as_bearer(scanner).post("/tickets/validate", {"code": ticket.code, "gate": f"Portal {mark}"})
    ApiToken.objects.create(
        organizer=organizer, name=f"Loja {mark}", digest=mark, hint=f"api_{mark[:8]}"
    )
    Invitation.objects.create(
        organizer=organizer,
        email=f"invited@{mark}.example.com",
        role="viewer",
        language="en",
        asked_at=clock.now(),
        expires_at=clock.now() + timedelta(days=7),
        ask_again_at=clock.now(),
    )
    Membership.objects.create(
        organizer=organizer, user=make_user(first_name=f"Member {mark}"), role="viewer"
    )
    hook = WebhookEndpoint.objects.create(
        organizer=organizer, url=f"https://hook.{mark}.example.com/"
    )
    change_event(
        event_id=event.pk,
        fields={"city": f"Vila {mark}"},
        ticket_types=None,
        actor=SOMEBODY,
        now=clock.now(),
    )
    told = ChangeForBuyers.objects.get(event=event)
    request_change_notices(change_id=told.pk, now=clock.now())
    offer_and_remind(mark, ticket)
    Notice.objects.filter(order=order).update(failure=f"Refused {mark}")
    chief = Membership.objects.get(user=make_user(organizer=organizer, is_staff=True))
    everything = Chosen(each_sale=True, daily_summary=True, sold_out=True, language="en")
    choose_notices(membership=chief, chosen=everything, actor=SOMEBODY, now=clock.now())
    MemberNotice.objects.create(
        membership=chief,
        kind="sales",
        cause=f"cause {mark}",
        failure=f"Refused {mark}",
        asked_at=clock.now(),
        ask_again_at=clock.now(),
    )
    message = send_test(endpoint=hook, actor=SOMEBODY, now=clock.now())
    WebhookMessage.objects.filter(endpoint=hook).update(data={"note": f"Note {mark}"})
    WebhookAttempt.objects.create(
        message=message, at=clock.now(), error=f"Error {mark}", milliseconds=1
    )
    asker = make_user(organizer=organizer, is_staff=True, first_name=f"Caio {mark}")
    report = ScheduledReport.objects.create(
        organizer=organizer,
        event=event,
        kind="orders",
        created_at=clock.now(),
        next_at=clock.now() + timedelta(days=1),
    )
    report.recipients.add(asker)
    for about in (event, None):
        Export.objects.create(
            organizer=organizer,
            event=about,
            asked_by=asker,
            kind="orders",
            object_name=f"exports/{mark}",
            asked_at=clock.now(),
            finished_at=clock.now(),
            expires_at=clock.now() + timedelta(days=1),
            ask_again_at=clock.now() + timedelta(days=1),
        )
    add_privacy_rows(mark, order, ticket)
    made = []
    for model, known in before.items():
        made += list(model.objects.exclude(pk__in=known))
    return made


def add_privacy_rows(mark: str, order: Order, ticket: Ticket) -> None:
    """Make the rows of terms, of what buyers agree to and ask for, and of erasures."""
    event = order.event
    terms = save_terms(
        organizer_id=order.event.organizer_id,
        texts=Texts(sale_pt=f"Termos {mark}"),
        is_required=False,
        actor=SOMEBODY,
        now=clock.now(),
    )
    Consent.objects.create(order=order, terms=terms, accepted_at=clock.now(), way="api")
    RefundPolicy.objects.create(organizer=event.organizer, event=event)
    RefundRequest.objects.create(
        order=order,
        ticket_ids=[ticket.pk],
        reason=f"Doente {mark}",
        requested_at=clock.now(),
        asked_at=clock.now(),
        ask_again_at=clock.now(),
    )
    now = clock.now()
    make_exchanged_ticket(order)
    ErasureRun.objects.create(organizer=event.organizer, started_at=now, finished_at=now, orders=1)
    ErasedEvent.objects.create(event=event, ended_at=event.ends_at, erased_at=clock.now())


def offer_and_remind(mark: str, ticket: Ticket) -> None:
    transfer = Transfer.objects.create(
        ticket=ticket,
        name=f"Nova {mark}",
        email=f"nova@{mark}.example.com",
        language="en",
        created_at=clock.now(),
        expires_at=clock.now() + timedelta(days=7),
    )
    TransferMail.objects.create(
        transfer=transfer,
        kind="offer",
        failure=f"Refused {mark}",
        asked_at=clock.now(),
        ask_again_at=clock.now(),
    )
    EventReminder.objects.create(event_id=ticket.event_id)
    Reminder.objects.create(
        order_id=ticket.order_id,
        failure=f"Refused {mark}",
        asked_at=clock.now(),
        ask_again_at=clock.now(),
    )
    NoReminders.objects.create(recipient=f"digest-{mark}", since=clock.now())


def make_rows_of_the_shop(order: Order, mark: str) -> None:
    """Make a promo code, a question with its answer, a holder, and a Pix of another order."""
    make_promo_code(event=order.event, code=f"PROMO-{mark.upper()}", note=f"Nota {mark}")
    question = make_question(event=order.event, label=f"Pergunta {mark}", help_text=f"Ajuda {mark}")
    answer(order, question, f"Resposta {mark}")
    kind = order.event.ticket_types.get()
    by_pix = make_reserved_order(ticket_type=kind)
    HolderName.objects.create(item=by_pix.items.get(), position=1, name=f"Titular {mark}")
    request_pix(order=by_pix, now=clock.now())
    note_opening(order=order, token="lnk_…", now=clock.now())


def make_exchanged_ticket(order: Order) -> None:
    """Write that a ticket has become one of another type, for which staff took money."""
    item = order.items.get()
    organizer = order.event.organizer_id
    others = TicketType.objects.filter(event__organizer=organizer).exclude(pk=item.ticket_type_id)
    place = {"order": order, "order_item": item, "position": 1, "at": clock.now()}
    CashDifference.objects.create(**place, amount=5)
    TicketExchange.objects.create(
        pk=new_id(),
        **place,
        from_type=item.ticket_type,
        to_type=others.order_by("pk")[0],
        price_before=5,
        price_after=10,
    )


def our_models() -> list[Any]:
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label in OURS and not model._meta.auto_created
    ]


def one_of_each_model(rows: Iterable[Any]) -> list[Any]:
    return list({type(row): row for row in rows}.values())


def texts_of(rows: Iterable[Any]) -> set[str]:
    """Return the texts and ids in these rows that are long enough to be recognized."""
    found = set()
    for row in rows:
        for field in row._meta.concrete_fields:
            value = getattr(row, field.attname)
            if isinstance(field, CharField | TextField) and not field.choices and value:
                found.add(str(value))
            if isinstance(field, UUIDField) and value:
                found.add(str(value))
    return {text for text in found if len(text) >= SHORTEST_TEXT}


@pytest.fixture
def organizers() -> tuple[OrganizerRows, OrganizerRows]:
    """Make two organizers. Nothing of the second one may be shown to the first one."""
    ours, theirs = populate("azulejo"), populate("verdolaga")
    organizers = []
    for rows, others, mark in ((ours, theirs, "azulejo"), (theirs, ours, "verdolaga")):
        organizer = next(row for row in rows if isinstance(row, Organizer))
        member = make_user(organizer=organizer, is_staff=True)
        User.objects.filter(pk=member.pk).update(username=f"staff-{mark}")
        for row in rows:
            log(member, row, mark)
        organizers.append(OrganizerRows(member, rows, {mark, *(texts_of(rows) - texts_of(others))}))
    # The first member's log has entries of the other organizer, as after a membership that ended.
    for row in theirs:
        log(organizers[0].member, row, "verdolaga")
    return organizers[0], organizers[1]


def log(user: User, row: Any, mark: str) -> None:
    LogEntry.objects.create(
        user=user,
        content_type=ContentType.objects.get_for_model(row),
        object_id=str(row.pk),
        object_repr=f"{row} {mark}",
        action_flag=ADDITION,
    )


def browse_as(user: User) -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user)
    return client


def name_of(model: Any) -> str:
    return f"{model._meta.app_label}_{model._meta.model_name}"


def pages_of_models() -> Iterator[str]:
    for model in admin.site._registry:
        yield reverse(f"admin:{name_of(model)}_changelist")
        yield reverse(f"admin:{name_of(model)}_add")
        yield reverse("admin:app_list", args=[model._meta.app_label])
    yield reverse("admin:index")
    yield reverse("admin:jsi18n")


def pages_of(row: Any) -> Iterator[str]:
    """Return every page of the admin whose URL contains the key of this row."""
    model_admin = admin.site._registry.get(type(row))
    for pattern in model_admin.urls if model_admin else []:
        if "object_id" in pattern.pattern.converters and pattern.name:
            yield reverse(f"admin:{pattern.name}", args=[row.pk])
    content_type = ContentType.objects.get_for_model(row).pk
    yield reverse("admin:view_on_site", args=[content_type, row.pk])


def searches(words: str) -> Iterator[str]:
    """Return all URLs of search and autocompletion, for each model and each of its relations."""
    word = quote(words)
    for extended in ("", "&extended=1"):
        yield f"{reverse('admin:index')}search/?s={word}{extended}"
    for model in apps.get_models():
        for field in model._meta.get_fields():
            # Django's view does not support reverse relations: it fails before any query.
            if field.is_relation and not field.auto_created:
                source = f"app_label={model._meta.app_label}&model_name={model._meta.model_name}"
                url = f"{reverse('admin:autocomplete')}?{source}&field_name={field.name}"
                yield f"{url}&term="
                yield f"{url}&term={word}"


def list_queries(theirs: OrganizerRows) -> Iterator[str]:
    """Return URLs of each list with filters that its page does not offer, by names and keys."""
    for model in admin.site._registry:
        url = reverse(f"admin:{name_of(model)}_changelist")
        for query in ("_facets=True", "_popup=1", "_to_field=id", "all=", "e=1", "q=verdol"):
            yield f"{url}?{query}"
        yield f"{url}?o=1"
        for field in model._meta.get_fields():
            for row in one_of_each_model(theirs.rows):
                if field.is_relation and isinstance(row, field.related_model or ()):
                    yield f"{url}?{field.name}__id__exact={row.pk}"
            yield f"{url}?{field.name}__startswith=verdol"
        yield f"{url}?event__organizer__email__startswith=casa"
        yield f"{url}?organizer__memberships__user__password__startswith=p"


def links_on(url: str, page: str) -> Iterator[str]:
    for link in LINK.findall(page):
        target = urljoin(url, html.unescape(link)).partition("#")[0]
        if target.startswith("/admin/") and "/logout" not in target:
            yield target


def walk(
    client: Client,
    seeds: Iterable[str],
    look: Callable[[str, Any], None],
    *,
    most_pages: int = MOST_PAGES,
) -> set[str]:
    """Open each page, then the pages that it links to, breadth first."""
    waiting = deque(dict.fromkeys(seeds))
    seen = set(waiting)
    while waiting:
        url = waiting.popleft()
        response = client.get(url)
        look(url, response)
        if "text/html" not in response.headers.get("Content-Type", ""):
            continue
        for link in links_on(url, response.content.decode()):
            if link not in seen and len(seen) < most_pages:
                seen.add(link)
                waiting.append(link)
    return seen


def shown_of(organizer: OrganizerRows, url: str, response: Any) -> list[str]:
    """Return the organizer's texts that a response contains, except keys that are in the URL."""
    parts = [response.content.decode(), response.headers.get("Location", "")]
    shown = html.unescape("".join([*parts, response.cookies.output()]))
    for key in {str(row.pk) for row in organizer.rows if str(row.pk) in url}:
        # A response may repeat the key of its request.
        shown = shown.replace(key, "")
    return [text for text in organizer.texts if text in shown]


def test_no_page_of_the_admin_shows_data_of_another_organizer(
    organizers: tuple[OrganizerRows, OrganizerRows],
):
    ours, theirs = organizers
    own = [page for row in ours.rows for page in pages_of(row)]
    found: dict[str, list[str]] = {}
    statuses: dict[int, int] = {}
    own_texts: set[str] = set()

    def look(url: str, response: Any) -> None:
        statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
        if response.status_code >= 500:
            found[url] = ["server error"]
        if shown := shown_of(theirs, url, response):
            found[url] = shown
        own_texts.update(text for text in ours.texts if text in response.content.decode())

    seen = walk(browse_as(ours.member), [*pages_of_models(), *own], look)

    assert found == {}
    # The walk has opened pages that show data.
    assert {"azulejo", "Show azulejo", "https://hook.azulejo.example.com/"} <= own_texts
    assert statuses[200] > len(admin.site._registry) * 3, (statuses, len(seen))


def test_no_search_or_filter_of_the_admin_shows_data_of_another_organizer(
    organizers: tuple[OrganizerRows, OrganizerRows],
):
    ours, theirs = organizers
    client = browse_as(ours.member)
    found = {}

    for url in [*searches("verdol"), *list_queries(theirs)]:
        response = client.get(url)
        if response.status_code >= 500:
            found[url] = ["server error"]
        if shown := shown_of(theirs, url, response):
            found[url] = shown

    assert found == {}


def test_a_page_of_another_organizers_row_looks_like_that_of_a_missing_row(
    organizers: tuple[OrganizerRows, OrganizerRows],
):
    ours, theirs = organizers
    client = browse_as(ours.member)

    for row in one_of_each_model(theirs.rows):
        if not isinstance(row.pk, UUID):
            continue
        for url in pages_of(row):
            missing_url = url.replace(str(row.pk), missing_key := str(new_id()))
            for send in (client.get, client.post):
                existing = send(url)
                client.cookies.pop("messages", None)
                missing = send(missing_url)
                client.cookies.pop("messages", None)
                assert existing.status_code == missing.status_code, url
                assert existing.headers.get("Location") == missing.headers.get("Location"), url
                assert comparable(existing, str(row.pk)) == comparable(missing, missing_key), url


def comparable(response: Any, key: str) -> str:
    """Return the page without its key, its CSRF token and its request id."""
    page = response.content.decode().replace(key, "…")
    return re.sub(r'csrfmiddlewaretoken" value="\w+|"request_id": *"[^"]+', "", page)


def test_no_action_changes_or_shows_data_of_another_organizer(
    organizers: tuple[OrganizerRows, OrganizerRows],
):
    ours, theirs = organizers
    client = browse_as(ours.member)
    before = [vars(type(row).objects.get(pk=row.pk)) | {"_state": None} for row in theirs.rows]

    model_admin: Any
    for model, model_admin in admin.site._registry.items():
        keys = [str(row.pk) for row in theirs.rows if isinstance(row, model)]
        for action in keys and model_admin._get_base_actions():
            for confirmed in ("", "yes"):
                sent = {"action": action[1], "_selected_action": keys, "confirmed": confirmed}
                url = reverse(f"admin:{name_of(model)}_changelist")
                response = client.post(url, sent, follow=True)
                assert shown_of(theirs, "", response) == [], (url, action[1])

    after = [vars(type(row).objects.get(pk=row.pk)) | {"_state": None} for row in theirs.rows]
    assert after == before


@pytest.mark.parametrize("role", ["staff without membership", "member without staff status"])
def test_staff_without_membership_and_members_without_staff_status_see_no_data(
    organizers: tuple[OrganizerRows, OrganizerRows], role: str
):
    _, theirs = organizers
    if role == "staff without membership":
        user = make_user(is_staff=True)
    else:
        user = make_user(organizer=next(r for r in theirs.rows if isinstance(r, Organizer)))
    pages = [page for row in theirs.rows for page in pages_of(row)]
    found = {}

    def look(url: str, response: Any) -> None:
        if shown := shown_of(theirs, url, response):
            found[url] = shown

    walk(browse_as(user), [*pages_of_models(), *searches("verdol"), *pages], look, most_pages=0)

    assert found == {}


def test_a_filter_is_offered_only_with_at_least_two_choices(
    organizers: tuple[OrganizerRows, OrganizerRows],
):
    client = browse_as(organizers[0].member)
    page = client.get(reverse("admin:orders_order_changelist"))
    shown = {spec.title for spec in page.context["cl"].filter_specs}

    assert "event" in shown
    assert "organizer" not in {
        spec.title
        for spec in client.get(reverse("admin:events_event_changelist")).context["cl"].filter_specs
    }


def test_orders_are_filtered_by_one_of_the_users_own_events(
    organizers: tuple[OrganizerRows, OrganizerRows],
):
    ours, theirs = organizers
    client = browse_as(ours.member)
    url = reverse("admin:orders_order_changelist")

    def found(organizer: OrganizerRows, slug: str) -> int:
        event = next(r for r in organizer.rows if isinstance(r, Event) and r.slug.startswith(slug))
        page = client.get(url, {"event__id__exact": str(event.pk)})
        return len(page.context["cl"].result_list)

    assert (found(ours, "draft"), found(theirs, "show")) == (0, 0)
    assert found(ours, "show") == sum(isinstance(row, Order) for row in ours.rows)
