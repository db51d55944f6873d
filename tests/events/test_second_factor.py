"""An organizer that requires two-factor sign-in keeps its members without one outside."""

from typing import Any

import pytest
from django.test import Client

from events.access import HeldRights, held_rights, organizers_of, seen_organizers
from events.members import (
    SecondFactorNotResettable,
    reset_second_factor_of_member,
)
from events.models import Event, Membership, Organizer, Role
from events.roles import Right
from tests.make import (
    SOMEBODY,
    as_bearer,
    as_user,
    make_api_token,
    make_event,
    make_organizer,
    make_user,
)
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.models import AccountMail, Act, User

pytestmark = pytest.mark.django_db(transaction=True)

SET_UP = "/admin/security/set-up/"


@pytest.fixture
def event() -> Event:
    """Return an event of an organizer that requires a second factor."""
    event = make_event()
    Organizer.objects.update(requires_second_factor=True)
    return event


def make_member(event: Event, *, has_phone: bool = False, **fields: Any) -> User:
    since = clock.now() if has_phone else None
    return make_user(organizer=event.organizer, is_staff=True, second_factor_since=since, **fields)


def browse(user: User) -> Client:
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_a_member_without_it_is_led_to_its_set_up_before_anything_else(event: Event):
    client = browse(make_member(event))

    for path in ("/admin/", f"/admin/events/event/{event.pk}/change/", "/admin/find/?q=ana"):
        assert client.get(path).headers["Location"].startswith(f"{SET_UP}?next=")
    posted = client.post("/admin/events/event/add/", {"name": "x"})
    assert posted.headers["Location"] == f"{SET_UP}?next=%2Fadmin%2F"
    page = client.get(client.get("/admin/find/?q=ana").headers["Location"])
    assert "Set it up to go on." in page.content.decode()
    assert client.get("/admin/security/").status_code == 200
    assert client.post("/admin/logout/").status_code == 200


def test_a_member_with_it_a_stranger_and_a_buyer_are_not_led_anywhere(event: Event):
    stranger = make_user(organizer=make_organizer(), is_staff=True)

    for user in (make_member(event, has_phone=True), stranger):
        assert browse(user).get("/admin/").status_code == 200
    public = browse(make_member(event)).get(f"/events/{event.slug}")
    assert (public.status_code, public.json()["slug"]) == (200, event.slug)


def test_a_session_of_a_member_without_it_is_refused_by_the_api(event: Event):
    api = as_user(make_member(event))

    answers = [
        api.get(f"/events/{event.slug}/orders"),
        api.patch(f"/events/{event.slug}", {"city": "Niterói"}),
        api.post("/tickets/validate", {"code": "x"}),
        api.get("/orders"),
    ]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (403, "second_factor_required")
    ] * 4


def test_tokens_and_members_with_it_use_the_api_as_before(event: Event):
    token = as_bearer(make_api_token(organizer=event.organizer))
    member = as_user(make_member(event, has_phone=True))

    for api in (token, member):
        assert api.get(f"/events/{event.slug}/orders").status_code == 200


@pytest.mark.parametrize("right", list(Right))
def test_without_it_a_member_has_no_right_there_and_keeps_those_elsewhere(
    event: Event, right: Right
):
    user = make_member(event)
    elsewhere = make_organizer()
    Membership.objects.create(organizer=elsewhere, user=user)

    assert list(organizers_of(user, right)) == [elsewhere]
    assert list(seen_organizers(user, right)) == [elsewhere]
    limited = Membership.objects.filter(organizer=event.organizer, user=user)
    limited.update(role=Role.MANAGER, only_some_events=True)
    limited.get().events.add(event)
    assert list(seen_organizers(user, right)) == [elsewhere]
    Membership.objects.filter(organizer=elsewhere).delete()
    assert held_rights(user) == HeldRights()


def test_an_owner_requires_it_and_it_is_recorded(event: Event):
    Organizer.objects.update(requires_second_factor=False)
    owner = make_member(event, has_phone=True)
    form = {"name": "Casa Azul", "email": "a@example.com", "requires_second_factor": "on"}

    browse(owner).post(f"/admin/events/organizer/{event.organizer_id}/change/", form)
    manager = make_member(event, has_phone=True)
    Membership.objects.filter(user=manager).update(role=Role.MANAGER)
    browse(manager).post(f"/admin/events/organizer/{event.organizer_id}/change/", form | {"x": 1})

    assert Organizer.objects.get().requires_second_factor
    (act,) = Act.objects.filter(type="organizer.changed")
    assert "requires_second_factor" in str(act.details)


def test_the_list_of_members_shows_who_has_it(event: Event):
    owner = make_member(event, has_phone=True, first_name="Ana")
    make_member(event, first_name="Bia")

    page = browse(owner).get("/admin/events/membership/").content.decode()

    assert "Two-factor" in page
    assert page.count("check_small") == page.count("close_small") == 1


def membership_id(user: User) -> int:
    return Membership.objects.get(user=user).pk


def reset(user: User, **fields: Any) -> bool:
    return reset_second_factor_of_member(
        membership_id=fields.get("membership_id") or membership_id(user),
        actor=fields.get("actor", SOMEBODY),
        language="en",
        now=clock.now(),
    )


def test_an_owner_resets_it_for_a_member_who_has_lost_the_phone(event: Event):
    owner = make_member(event, has_phone=True)
    member = make_member(event, has_phone=True, email="bia@example.com")
    theirs = browse(member)
    assert theirs.get("/admin/").status_code == 200
    page = f"/admin/events/membership/{membership_id(member)}/reset_second_factor_this/"
    client = browse(owner)
    asked = client.get(page)

    done = client.post(page, {"confirmed": "yes"}, follow=True)

    assert "Has this person lost the phone" in asked.content.decode()
    assert "Two-factor sign-in was reset." in done.content.decode()
    member.refresh_from_db()
    assert member.second_factor_since is None
    assert theirs.get("/admin/").headers["Location"].startswith("/admin/login/")
    acts = {act.type: act.organizer_id for act in Act.objects.filter(type__contains="reset")}
    assert acts == {
        "user.second_factor_reset": None,
        "organizer.member_second_factor_reset": event.organizer_id,
    }
    assert AccountMail.objects.get().user == member
    assert not reset(member)


def test_an_owner_does_not_reset_it_for_members_elsewhere_superusers_and_the_owner(event: Event):
    everywhere = make_member(event, has_phone=True)
    here = membership_id(everywhere)
    Membership.objects.create(organizer=make_organizer(), user=everywhere)
    owner = make_member(event, has_phone=True)
    superuser = make_member(event, has_phone=True, is_superuser=True)

    for refused in (
        {"user": everywhere, "membership_id": here},
        {"user": owner, "actor": user_actor(owner)},
        {"user": superuser},
    ):
        with pytest.raises(SecondFactorNotResettable):
            reset(**refused)
    assert User.objects.exclude(second_factor_since=None).count() == 3
