"""A worker writes an export in steps, mails its link once, and deletes its file in the end."""

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BytesIO, StringIO
from typing import Any

import pytest
from django.conf import settings as configured
from django.core import mail
from django.core.files.storage import storages
from django.db import transaction
from moto import mock_aws
from openpyxl import load_workbook

from config.settings import storage as aws_storage
from events.models import Event
from tests.make import make_event, make_paid_order, make_user
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.mailing import MailRefused
from ticketing.models import User
from ticketing.queue.messages import Message, next_retry_at
from tickets.models import Ticket
from tickets.reports import writing
from tickets.reports.asking import KEPT, add_export
from tickets.reports.models import Export
from tickets.reports.writing import resend_export_messages, write_export

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def s3(settings: Any) -> Iterator[Any]:
    """Store exports in a fake S3."""
    with mock_aws():
        settings.STORAGES = configured.STORAGES | {
            name: aws_storage.STORAGES[name] for name in ("tickets", "ticket_links")
        }
        storage: Any = storages["tickets"]
        client = storage.bucket.meta.client
        where = {"LocationConstraint": configured.AWS_REGION}
        client.create_bucket(Bucket=configured.TICKETS_BUCKET, CreateBucketConfiguration=where)
        yield client


def files(s3: Any) -> dict[str, bytes]:
    found = s3.list_objects_v2(Bucket=configured.TICKETS_BUCKET).get("Contents", [])
    return {
        each["Key"]: s3.get_object(Bucket=configured.TICKETS_BUCKET, Key=each["Key"])["Body"].read()
        for each in found
        if each["Key"].startswith("exports/")
    }


def uploads(s3: Any) -> list[Any]:
    return s3.list_multipart_uploads(Bucket=configured.TICKETS_BUCKET).get("Uploads", [])


def sell(event: Event, orders: int) -> None:
    for _ in range(orders):
        make_paid_order(ticket_type=event.ticket_types.get(), quantity=2)


def make_export(event: Event, *, user: User | None = None, **fields: Any) -> Export:
    wanted: dict[str, Any] = {"kind": "tickets", "file_format": "csv", "language": "pt-br"}
    user = user or make_user(organizer=event.organizer, is_staff=True, email="bia@example.com")
    export = Export(organizer=event.organizer, event=event, asked_by=user, **(wanted | fields))
    with transaction.atomic():
        add_export(export=export, kept=KEPT, now=clock.now())
    return export


def run(queue: RecordingQueue) -> None:
    """Run the messages of exports, and drop all others."""
    while queue.sent:
        message, body = queue.sent.pop(0)
        if message == Message.WRITE_EXPORT:
            queue.run(message, body)


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
def test_a_file_that_is_written_in_many_steps_and_parts_is_complete(
    s3: Any, queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch, file_format: str
):
    event = make_event(name="Show")
    sell(event, 4)
    # S3 takes small parts from the last one only, but moto takes them when this is 0.
    monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 0)
    monkeypatch.setattr(writing, "SMALLEST_PART", 300)
    monkeypatch.setattr(writing, "BATCH", 1)
    # One batch in each step.
    ticks = iter(range(10_000))
    monkeypatch.setattr(
        "tickets.reports.writing.time.monotonic", lambda: next(ticks) * writing._STEP_SECONDS / 2
    )

    export = make_export(event, file_format=file_format)
    run(queue)

    export.refresh_from_db()
    assert export.finished_at
    assert export.rows == 8
    assert len(export.parts) > 1
    ((name, data),) = files(s3).items()
    assert name == export.object_name
    if file_format == "csv":
        rows = list(csv.reader(StringIO(data.decode("utf-8-sig"), newline=""), delimiter=";"))
    else:
        sheet = load_workbook(BytesIO(data)).active
        rows = [list(row) for row in sheet.iter_rows(values_only=True)]
    assert rows[0][1] == "Ingresso"
    codes = [
        f"{ticket.order.code}-{ticket.number}" for ticket in Ticket.objects.select_related("order")
    ]
    assert sorted(str(row[1]) for row in rows[1:]) == sorted(codes)


def test_the_user_gets_one_mail_with_a_link_that_has_no_secret(queue: RecordingQueue):
    event = make_event(name="Noite de Jazz", timezone="America/Sao_Paulo")
    sell(event, 1)
    export = make_export(event)

    run(queue)
    write_export(export_id=export.pk, now=clock.now())
    run(queue)

    letter: Any
    (letter,) = mail.outbox
    assert letter.to == ["bia@example.com"]
    assert letter.subject == "Sua exportação está pronta: ingressos: Noite de Jazz"
    link = f"{configured.PUBLIC_URL}/admin/reports/export/{export.pk}/download/"
    assert link in letter.body
    assert link in letter.html
    assert "Linhas: 2" in letter.body


def test_a_user_without_an_address_and_a_refused_mail_leave_the_file_on_the_page(
    s3: Any,
    queue: RecordingQueue,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    event = make_event()
    nobody = make_export(event, user=make_user(organizer=event.organizer, is_staff=True))
    run(queue)

    def refuse(_mail: object) -> None:
        raise MailRefused("no such address")

    monkeypatch.setattr(writing, "send_mail", refuse)
    refused = make_export(event)
    # The rows, and the end of the file.
    for _ in range(2):
        write_export(export_id=refused.pk, now=clock.now())
    refused.refresh_from_db()
    assert refused.finished_at
    resend_export_messages(now=refused.ask_again_at)
    run(queue)

    assert mail.outbox == []
    assert f"was refused: export {refused.pk}" in caplog.text
    refused.refresh_from_db()
    assert (refused.leased_until, refused.asks) == (None, 0)
    assert refused.ask_again_at == refused.expires_at
    assert set(files(s3)) == {nobody.object_name, refused.object_name}
    assert Export.objects.exclude(mailed_at=None).count() == 2


def test_a_crash_after_the_file_was_made_makes_it_once(
    s3: Any, queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    event = make_event()
    sell(event, 1)
    queue.sent.clear()
    export = make_export(event)
    queue.run_next()
    save = writing._save_step

    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    monkeypatch.setattr(writing, "_save_step", die)
    with pytest.raises(SystemExit):
        write_export(export_id=export.pk, now=clock.now())
    monkeypatch.setattr(writing, "_save_step", save)
    made = files(s3)

    write_export(export_id=export.pk, now=clock.now() + timedelta(seconds=91))

    export.refresh_from_db()
    assert export.finished_at
    assert files(s3) == made


def test_a_repeated_message_writes_nothing_while_another_worker_writes(queue: RecordingQueue):
    export = make_export(make_event())
    now = clock.now()
    Export.objects.update(leased_until=now + timedelta(seconds=1))

    write_export(export_id=export.pk, now=now)
    assert Export.objects.get().upload == ""

    write_export(export_id=export.pk, now=now + timedelta(seconds=1))
    assert Export.objects.get().upload != ""


def test_a_step_is_leased_for_longer_than_a_task_may_run(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    export, now = make_export(make_event()), clock.now()
    leased: list[datetime | None] = []

    def begin(*_: Any, **__: Any) -> str:
        leased.append(Export.objects.get().leased_until)
        # The message comes again meanwhile.
        write_export(export_id=export.pk, now=now + timedelta(seconds=1))
        return "upload"

    monkeypatch.setattr(writing, "begin_upload", begin)
    monkeypatch.setattr(writing, "write_part", lambda *_, **__: "tag")
    write_export(export_id=export.pk, now=now)

    assert leased == [now + timedelta(seconds=90)]
    assert timedelta(seconds=configured.CELERY_TASK_TIME_LIMIT) < timedelta(seconds=90)


def test_the_step_of_a_worker_that_lost_its_lease_does_not_count(
    queue: RecordingQueue, monkeypatch: pytest.MonkeyPatch
):
    export = make_export(make_event())
    other = clock.now() + timedelta(hours=1)

    def lose_the_lease(*_: Any, **__: Any) -> str:
        Export.objects.update(leased_until=other)
        return "upload"

    monkeypatch.setattr(writing, "begin_upload", lose_the_lease)
    monkeypatch.setattr(writing, "write_part", lambda *_, **__: "tag")
    write_export(export_id=export.pk, now=clock.now())

    export.refresh_from_db()
    assert (export.upload, export.leased_until) == ("", other)


def fail(*_: Any, **__: Any) -> str:
    raise ConnectionError


def test_a_step_that_fails_is_tried_again_and_given_up_after_ten_failures(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    export, other = (make_export(make_event()) for _ in range(2))
    Export.objects.filter(pk=other.pk).update(attempts=20)
    before = Export.objects.filter(pk=other.pk).values().get()
    monkeypatch.setattr(writing, "begin_upload", fail)

    for _ in range(9):
        with pytest.raises(ConnectionError):
            write_export(export_id=export.pk, now=clock.now())
        export.refresh_from_db()
        assert (export.failed_at, export.leased_until) == (None, None)
    assert "given up" not in caplog.text
    with pytest.raises(ConnectionError):
        write_export(export_id=export.pk, now=clock.now())

    export.refresh_from_db()
    assert export.failed_at
    assert export.ask_again_at == export.expires_at
    assert f"given up: export {export.pk}" in caplog.text
    # A repeat of the message does nothing any more.
    write_export(export_id=export.pk, now=clock.now())
    assert Export.objects.filter(pk=other.pk).values().get() == before


@pytest.mark.parametrize("state", ["finished_at", "failed_at"])
def test_an_export_that_is_written_or_given_up_is_not_given_up_by_its_last_steps(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, state: str
):
    export, past = make_export(make_event()), clock.now() - timedelta(hours=1)
    Export.objects.update(attempts=20, **{state: past})
    monkeypatch.setattr(writing, "send_mail", fail)
    monkeypatch.setattr(writing, "delete_file", fail)

    # A written one is mailed, one that was given up is deleted in the end.
    now = clock.now() if state == "finished_at" else export.expires_at

    with pytest.raises(ConnectionError):
        write_export(export_id=export.pk, now=now)

    export.refresh_from_db()
    assert export.failed_at == (past if state == "failed_at" else None)
    assert "given up" not in caplog.text


def test_a_step_of_one_export_changes_no_other_that_is_written_at_the_same_moment(
    queue: RecordingQueue,
):
    export, other = (make_export(make_event()) for _ in range(2))
    now = clock.now()
    Export.objects.filter(pk=other.pk).update(leased_until=now + timedelta(seconds=90))
    before = Export.objects.filter(pk=other.pk).values().get()
    Export.objects.filter(pk=export.pk).update(attempts=3, asks=2, ask_again_at=now)
    queue.sent.clear()

    for _ in range(2):
        write_export(export_id=export.pk, now=now)

    done = Export.objects.get(pk=export.pk)
    assert done.finished_at == now
    # The failures of one step do not count for the next one.
    assert (done.attempts, done.asks, done.ask_again_at) == (0, 0, next_retry_at(0, now=now))
    assert Export.objects.filter(pk=other.pk).values().get() == before
    assert queue.sent == [(Message.WRITE_EXPORT, {"export_id": str(export.pk)})] * 2


def test_the_sweep_asks_again_for_a_lost_message_and_not_for_a_file_that_is_ready(
    queue: RecordingQueue,
):
    export = make_export(make_event())
    queue.sent.clear()
    soon: datetime = clock.now() + timedelta(minutes=3)

    assert resend_export_messages(now=clock.now()) == 0
    assert resend_export_messages(now=soon) == 1
    assert queue.sent == [(Message.WRITE_EXPORT, {"export_id": str(export.pk)})]
    run(queue)

    assert resend_export_messages(now=soon + timedelta(hours=2)) == 0


@pytest.mark.parametrize("ready", [True, False])
def test_a_file_is_deleted_after_24_hours_whether_it_was_finished_or_not(
    s3: Any,
    queue: RecordingQueue,
    ready: bool,  # noqa: FBT001 - a parameter of the test
):
    export = make_export(make_event())
    if ready:
        run(queue)
    else:
        queue.run_next()
        assert len(uploads(s3)) == 1
        queue.sent.clear()
    later = clock.now() + timedelta(hours=24, seconds=1)

    assert resend_export_messages(now=later) == 1
    write_export(export_id=export.pk, now=later)

    assert (files(s3), uploads(s3), Export.objects.count()) == ({}, [], 0)
