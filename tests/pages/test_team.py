"""An owner manages the team in the admin, and an invited person joins on a page of the link."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from events.invitations import OfferedMembership, invitation_token, invite_member
from events.models import Invitation, Membership, Organizer, Role
from tests.make import make_event, make_organizer, make_user
from tests.pages.test_admin_privacy import browse_as
from ticketing import clock
from ticketing.models import Act, User

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery staple"
MEMBERS = "/admin/events/membership/"


@pytest.fixture
def organizer() -> Organizer:
    return make_organizer(name="Casa Azul")


@pytest.fixture
def owner(organizer: Organizer) -> User:
    return make_user(organizer=organizer, is_staff=True, first_name="Ana", email="ana@example.com")


def send_form(client: Client, **fields: Any) -> Any:
    return client.post(reverse("admin:events_invitation_add"), fields, follow=True)


def make_invitation(organizer: Organizer, owner: User) -> Invitation:
    return invite_member(
        organizer_id=organizer.pk,
        email="bia@example.com",
        offered=OfferedMembership(role=Role.FINANCE),
        language="en",
        inviter=owner,
        now=clock.now(),
    )


def page_of(invitation: Invitation) -> str:
    return f"/admin/invitations/{invitation.pk}/?token={invitation_token(invitation)}"


def test_an_owner_invites_a_person_to_a_role_at_an_event(organizer: Organizer, owner: User):
    event = make_event(organizer=organizer)

    page = send_form(
        browse_as(owner),
        organizer=organizer.pk,
        email="Bia@Example.com",
        role="door",
        only_some_events="on",
        events=[event.pk],
    )

    assert page.status_code == 200
    invitation = Invitation.objects.get()
    assert (invitation.email, invitation.role) == ("bia@example.com", "door")
    assert list(invitation.events.all()) == [event]
    assert invitation.invited_by == owner


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"only_some_events": "on"}, "Choose at least one event."),
        ({"role": "owner", "only_some_events": "on"}, "An owner has all events."),
        ({"role": "boss"}, "Select a valid choice."),
        ({"email": "bia"}, "address"),
        ({"email": "ana@example.com"}, "is a member already"),
    ],
)
def test_a_wrong_invitation_is_refused_with_a_sentence(
    organizer: Organizer, owner: User, wrong: dict[str, str], said: str
):
    event = make_event(organizer=organizer)
    chosen = {"events": [event.pk]} if "role" in wrong else {}
    fields = {"organizer": organizer.pk, "email": "bia@example.com", "role": "door"}

    page = send_form(browse_as(owner), **(fields | chosen | wrong))

    assert said in page.content.decode()
    assert not Invitation.objects.exists()


def test_nobody_invites_to_an_organizer_without_being_its_owner(organizer: Organizer, owner: User):
    elsewhere = make_organizer()
    Membership.objects.create(organizer=elsewhere, user=owner, role=Role.MANAGER)

    send_form(browse_as(owner), organizer=elsewhere.pk, email="bia@example.com", role="owner")

    assert not Invitation.objects.exists()


def test_the_answer_to_an_invitation_does_not_tell_whether_the_address_has_an_account(
    organizer: Organizer, owner: User
):
    make_user(email="caio@example.com", is_staff=True)
    client, shown = browse_as(owner), []
    for address in ("caio@example.com", "dora@example.com"):
        page = send_form(client, organizer=organizer.pk, email=address, role="viewer")
        shown.append((page.status_code, page.request["PATH_INFO"]))

    assert shown[0] == shown[1]
    members = client.get(MEMBERS, {"q": "caio"}).content.decode()
    assert "caio@example.com" not in members


def test_an_invited_person_makes_an_account_and_is_signed_in(organizer: Organizer, owner: User):
    invitation = make_invitation(organizer, owner)
    client = Client(headers={"Accept-Language": "en"})

    shown = client.get(page_of(invitation)).content.decode()
    weak = client.post(page_of(invitation), {"first_name": "Bia", "password": "12345678"})
    page = client.post(
        page_of(invitation), {"first_name": "Bia", "password": PASSWORD}, follow=True
    )

    assert "Ana invites you to the team of Casa Azul. Your role: finance." in shown
    assert "too common" in weak.content.decode()
    assert "Welcome to the team of Casa Azul." in page.content.decode()
    assert page.request["PATH_INFO"] == "/admin/"
    assert page.context["user"].username == "bia@example.com"
    again = client.get(page_of(invitation))
    assert (again.status_code, "This invitation is not open" in again.content.decode()) == (
        404,
        True,
    )


def test_a_person_with_an_account_accepts_with_a_click(organizer: Organizer, owner: User):
    invitation = make_invitation(organizer, owner)
    bia = make_user(email="bia@example.com", is_staff=True)

    stranger = Client(headers={"Accept-Language": "en"})
    refused = stranger.post(page_of(invitation), {"first_name": "Bia", "password": PASSWORD})
    other = browse_as(owner).post(page_of(invitation)).content.decode()
    client = browse_as(bia)
    offered = client.get(page_of(invitation)).content.decode()
    client.post(page_of(invitation))

    assert "This address has an account already." in refused.content.decode()
    assert "The invitation is for bia@example.com, but you are signed in as Ana" in other
    assert "Accept the invitation" in offered
    assert Membership.objects.get(user=bia).role == Role.FINANCE


def test_a_wrong_link_and_a_withdrawn_one_look_the_same(organizer: Organizer, owner: User):
    invitation = make_invitation(organizer, owner)
    Invitation.objects.update(withdrawn_at=clock.now())
    client = Client(headers={"Accept-Language": "en"})

    withdrawn = client.get(page_of(invitation))
    wrong = client.get(page_of(invitation)[:-1] + "x")

    assert withdrawn.status_code == wrong.status_code == 404
    assert b"Casa Azul" not in withdrawn.content


def test_an_owner_changes_and_removes_a_member(organizer: Organizer, owner: User):
    bia = make_user(organizer=organizer, role=Role.VIEWER, is_staff=True, first_name="Bia")
    membership, client = Membership.objects.get(user=bia), browse_as(owner)

    client.post(f"{MEMBERS}{membership.pk}/change/", {"role": "finance"})
    membership.refresh_from_db()
    asked = client.get(f"{MEMBERS}{membership.pk}/remove_this/").content.decode()
    client.post(f"{MEMBERS}{membership.pk}/remove_this/", {"confirmed": "yes"})

    assert membership.role == Role.FINANCE
    assert "Remove Bia from the team?" in asked
    assert not Membership.objects.filter(user=bia).exists()
    assert User.objects.filter(pk=bia.pk).exists()


@pytest.mark.parametrize("way", ["change", "remove_this"])
def test_the_last_owner_stays(organizer: Organizer, owner: User, way: str):
    membership = Membership.objects.get(user=owner)

    page = browse_as(owner).post(
        f"{MEMBERS}{membership.pk}/{way}/", {"role": "viewer", "confirmed": "yes"}, follow=True
    )

    assert "An organizer needs an owner." in page.content.decode()
    assert Membership.objects.get(user=owner).role == Role.OWNER
    assert not Act.objects.exists()


def test_superusers_are_not_listed(organizer: Organizer, owner: User):
    root = make_user(
        organizer=organizer, is_staff=True, is_superuser=True, email="root@example.com"
    )
    membership, client = Membership.objects.get(user=root), browse_as(owner)

    assert b"root@example.com" not in client.get(MEMBERS).content
    assert client.get(f"{MEMBERS}{membership.pk}/change/").status_code == 302
    assert root.email in browse_as(root).get(MEMBERS).content.decode()


def test_an_owner_changes_the_settings_of_the_organizer(organizer: Organizer, owner: User):
    page = f"/admin/events/organizer/{organizer.pk}/change/"

    browse_as(owner).post(page, {"name": "Casa Verde", "email": "casa@example.com"})
    organizer.refresh_from_db()
    manager = make_user(organizer=organizer, role=Role.MANAGER, is_staff=True)
    refused = browse_as(manager).post(page, {"name": "Casa Roxa", "email": "casa@example.com"})

    assert (organizer.name, refused.status_code) == ("Casa Verde", 403)
    assert Act.objects.get().type == "organizer.changed"
