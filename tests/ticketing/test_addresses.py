"""Email addresses: which are accepted, how they are stored, and which count as one recipient."""

import pytest
from django.core.exceptions import ValidationError
from django.db import connection

from orders.models import Order
from tests.make import as_user, make_event, make_organizer, make_user
from ticketing.addresses import can_be_mailed, counted_address, tidy_address
from ticketing.models import User

LONG_DOMAIN = "b." * 94 + "com"


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("ana@example.com", "ana@example.com"),
        ("Ana.Souza+jazz@Example.COM", "Ana.Souza+jazz@example.com"),
        ("ana@münchen.de", "ana@xn--mnchen-3ya.de"),
        ("ana@MÜNCHEN.de", "ana@xn--mnchen-3ya.de"),
        ("ana@xn--mnchen-3ya.de", "ana@xn--mnchen-3ya.de"),
        ("ana@faß.de", "ana@xn--fa-hia.de"),
        ("ana@例え。jp", "ana@xn--r8jz45g.jp"),
        ("o'hara_{x}@mail.example.co.uk", "o'hara_{x}@mail.example.co.uk"),
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com"),
        ("a" * 62 + f"@{LONG_DOMAIN}", "a" * 62 + f"@{LONG_DOMAIN}"),
    ],
)
def test_an_address_that_can_be_mailed_is_stored_with_an_ascii_domain(sent: str, stored: str):
    assert tidy_address(sent) == stored
    assert tidy_address(stored) == stored
    assert stored.isascii()


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("", "invalid_address"),
        ("ana", "invalid_address"),
        ("@example.com", "invalid_local_part"),
        ('"x\x01y"@example.com', "invalid_local_part"),
        ('"ana souza"@example.com', "invalid_local_part"),
        ("ana souza@example.com", "invalid_local_part"),
        ("ana\r\n@example.com", "invalid_local_part"),
        ("ana@eva@example.com", "invalid_local_part"),
        (".ana@example.com", "invalid_local_part"),
        ("ana.@example.com", "invalid_local_part"),
        ("a..b@example.com", "invalid_local_part"),
        ("ana\x00@example.com", "invalid_local_part"),
        ("josé@example.com", "local_part_not_ascii"),
        ("ana\u200b@example.com", "local_part_not_ascii"),
        ("a" * 65 + "@example.com", "local_part_too_long"),
        ("ana@", "invalid_domain"),
        ("ana@localhost", "invalid_domain"),
        ("ana@example.com.", "invalid_domain"),
        ("ana@example.com。", "invalid_domain"),
        ("ana@.example.com", "invalid_domain"),
        ("ana@example..com", "invalid_domain"),
        ("ana@-example.com", "invalid_domain"),
        ("ana@ex_ample.com", "invalid_domain"),
        ("ana@exam ple.com", "invalid_domain"),
        ("ana@example.com\n", "invalid_domain"),
        ("ana@example\x01.com", "invalid_domain"),
        ("ana@[192.0.2.1]", "invalid_domain"),
        ("ana@192.0.2.1", "invalid_domain"),
        ("ana@xn--zzzzzz.de", "invalid_domain"),
        ("ana@" + "b" * 64 + ".com", "invalid_domain"),
        ("a" * 63 + f"@{LONG_DOMAIN}", "address_too_long"),
        ("ana@" + "ü." * 60 + "com", "invalid_domain"),
        ("a" * 60 + "@" + ("ü" * 20 + ".") * 8 + "com", "address_too_long"),
        ("a@" + "b." * 100_000 + "com", "address_too_long"),
    ],
)
def test_an_address_that_ses_cannot_send_to_is_refused(sent: str, code: str):
    with pytest.raises(ValidationError) as refused:
        tidy_address(sent)

    assert refused.value.code == code
    assert can_be_mailed(sent) is False


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("ana@example.com", "ana@example.com"),
        ("ANA+1@Example.com", "ana@example.com"),
        ("ana+1+2@example.com", "ana@example.com"),
        ("+ana@example.com", "+ana@example.com"),
        ("A.na.+1@GoogleMail.com", "ana@gmail.com"),
        ("a.na@example.com", "a.na@example.com"),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_addresses_with_tags_and_capitals_count_as_one_recipient_in_python_and_in_sql(
    address: str, counted: str
):
    with connection.cursor() as cursor:
        cursor.execute("SELECT counted_email(%s)", [address])
        in_the_database = cursor.fetchone()[0]

    assert counted_address(address) == in_the_database == counted


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cookie", ["", "theme=dark"])
def test_the_view_and_the_shortcut_of_reservations_store_the_same_address(cookie: str, api):
    event = make_event(capacity=2)

    answer = api.post(
        "/orders",
        {
            "event": event.slug,
            "quantity": 1,
            "customer": {"name": "Ana", "email": "ana@München.de"},
        },
        headers={"Cookie": cookie} if cookie else {},
    )

    assert answer.status_code == 201
    assert answer.json()["customer"]["email"] == "ana@xn--mnchen-3ya.de"
    assert Order.objects.get().customer_email == "ana@xn--mnchen-3ya.de"


@pytest.mark.django_db(transaction=True)
def test_the_admin_validates_addresses_of_organizers_and_users_in_the_same_way():
    admin = as_user(make_user(is_staff=True, is_superuser=True))
    organizer, user = make_organizer(), make_user()
    page = f"/admin/events/organizer/{organizer.pk}/change/"
    members = {
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
        "memberships-MIN_NUM_FORMS": "0",
        "memberships-MAX_NUM_FORMS": "1000",
    }
    form = {"name": "Casa Azul"} | members

    refused = admin.post(page, form | {"email": '"a b"@example.com'}, format="multipart")
    saved = admin.post(page, form | {"email": "oi@münchen.de"}, format="multipart")

    assert (refused.status_code, saved.status_code) == (200, 302)
    organizer.refresh_from_db()
    assert organizer.email == "oi@xn--mnchen-3ya.de"
    refused = admin.post(
        f"/admin/ticketing/user/{user.pk}/change/",
        {"username": "eva", "email": "josé@example.com"},
        format="multipart",
    )
    assert refused.status_code == 200
    assert "josé@example.com" in refused.content.decode()
    assert not User.objects.filter(username="eva").exists()
