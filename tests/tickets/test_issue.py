"""QR codes in S3: private objects, with names that cannot be guessed and links that expire."""

import io
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
import zxingcpp
from django.conf import settings as django_settings
from django.core.files.storage import storages
from moto import mock_aws
from PIL import Image

from config.settings import storage
from orders.models import Order
from tests.make import make_paid_order, make_processing_order
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.queue.messages import Message
from ticketing.storage import SmallObjects
from tickets.issue import code_url, issue_codes
from tickets.models import Delivery, Ticket, TicketStatus
from tickets.object_names import object_name
from tickets.settlement import settle_order

pytestmark = pytest.mark.django_db(transaction=True)


def settled_order(*, quantity: int = 1) -> Order:
    order = make_processing_order(quantity=quantity)
    settle_order(order_id=order.pk, now=clock.now())
    return order


def test_codes_are_private_objects_and_their_links_expire(monkeypatch: pytest.MonkeyPatch):
    order = settled_order(quantity=2)
    options = storage.STORAGES["tickets"]["OPTIONS"] | {"endpoint_url": None}
    public = storage.STORAGES["ticket_links"]["OPTIONS"] | {
        "endpoint_url": "https://s3.example.org"
    }
    with mock_aws():
        s3 = boto3.client("s3", region_name=django_settings.AWS_REGION)
        bucket = options["bucket_name"]
        where = {"LocationConstraint": django_settings.AWS_REGION}
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
        # Production's storage instead of the storage in memory that other tests use.
        for name, settings in (("tickets", options), ("ticket_links", public)):
            monkeypatch.setitem(vars(storages)["_storages"], name, SmallObjects(**settings))

        issue_codes(order_id=order.pk, now=clock.now())
        issue_codes(order_id=order.pk, now=clock.now())

        ticket = Ticket.objects.of_order(order.pk)[0]
        keys = {found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]}
        picture = s3.get_object(Bucket=bucket, Key=f"{object_name(ticket)}.png")
        grants = s3.get_object_acl(Bucket=bucket, Key=f"{object_name(ticket)}.png")["Grants"]
        link = urlsplit(code_url(ticket) or "")

    assert len(keys) == 2
    read = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture["Body"].read())))
    assert read[0].text == ticket.code
    assert picture["ContentType"] == "image/png"
    assert all("URI" not in grant["Grantee"] for grant in grants)
    query = parse_qs(link.query)
    assert query["X-Amz-Expires"] == ["3600"]
    assert query["X-Amz-Signature"]
    # SigV4 signs the host, so the link must be signed for the public endpoint.
    assert (link.netloc.removeprefix(f"{bucket}."), query["X-Amz-SignedHeaders"]) == (
        "s3.example.org",
        ["host"],
    )
    assert link.path.endswith(f"{object_name(ticket)}.png")


def test_codes_that_the_storage_did_not_store_are_stored_by_a_retry(
    monkeypatch: pytest.MonkeyPatch,
):
    order = settled_order()

    def fail(*_: object, **__: object) -> str:
        raise OSError("no space")

    with monkeypatch.context() as patch:
        patch.setattr(storages["tickets"], "save", fail)
        with pytest.raises(OSError, match="no space"):
            issue_codes(order_id=order.pk, now=clock.now())
    assert Delivery.objects.get().codes_stored_at is None

    issue_codes(order_id=order.pk, now=clock.now())
    assert Delivery.objects.get().codes_stored_at is not None


def is_stored(ticket: Ticket) -> bool:
    return storages["tickets"].exists(f"{object_name(ticket)}.png")


def test_a_message_stores_the_valid_codes_of_its_order_only_and_shows_it_as_changed(
    queue: RecordingQueue,
):
    ours, theirs = settled_order(quantity=2), settled_order()
    valid, revoked = Ticket.objects.of_order(ours.pk)
    Ticket.objects.filter(pk=revoked.pk).update(status=TicketStatus.REVOKED)
    ours.refresh_from_db()
    before, now = ours.modified_at, clock.now() + timedelta(minutes=1)
    queue.sent.clear()

    issue_codes(order_id=ours.pk, now=now)

    assert [is_stored(each) for each in (valid, revoked, theirs.tickets.get())] == [
        True, False, False,
    ]  # fmt: skip
    stored_at = dict(Delivery.objects.values_list("order", "codes_stored_at"))
    assert stored_at == {ours.pk: now, theirs.pk: None}
    assert queue.sent == [(Message.DELIVER_TICKETS, {"order_id": str(ours.pk)})]
    ours.refresh_from_db()
    assert ours.modified_at > before


def test_a_repeat_asks_for_the_mail_until_it_was_sent_and_stores_nothing(queue: RecordingQueue):
    order, _stored = make_paid_order(), make_paid_order()
    ticket = order.tickets.get()
    storages["tickets"].delete(f"{object_name(ticket)}.png")
    before = Order.objects.values("modified_at").get(pk=order.pk)
    queue.sent.clear()

    issue_codes(order_id=order.pk, now=clock.now())
    asked = list(queue.sent)
    Delivery.objects.filter(order=order).update(sent_at=clock.now())
    issue_codes(order_id=order.pk, now=clock.now())

    assert asked == queue.sent == [(Message.DELIVER_TICKETS, {"order_id": str(order.pk)})]
    assert not is_stored(ticket)
    assert Order.objects.values("modified_at").get(pk=order.pk) == before


def test_codes_of_a_ticket_that_was_replaced_during_the_upload_do_not_count_as_stored(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    order, save = settled_order(), storages["tickets"].save
    queue.sent.clear()

    def save_while_it_is_replaced(*arguments: Any) -> str:
        Delivery.objects.update(asked_at=clock.now())
        return str(save(*arguments))

    monkeypatch.setattr(storages["tickets"], "save", save_while_it_is_replaced)
    issue_codes(order_id=order.pk, now=clock.now())

    assert Delivery.objects.get().codes_stored_at is None
    assert queue.sent == []
