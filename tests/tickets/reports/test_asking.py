"""Asking for an export: which ones are made at once, and how many may wait."""

from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook

from events.models import Event
from tests.make import SOMEBODY, make_event, make_organizer, make_paid_order, make_user
from tests.queue import RecordingQueue
from ticketing import clock
from ticketing.models import Act, ActType
from tickets.reports import asking
from tickets.reports.asking import KEPT, File, TooManyExports, ask_for_export
from tickets.reports.models import Export, ScheduledReport

pytestmark = pytest.mark.django_db(transaction=True)


def export_of(event: Event, **fields: Any) -> Export:
    wanted = {"kind": "tickets", "file_format": "xlsx", "language": "en"}
    usual = {"organizer": event.organizer, "event": event, "asked_by": make_user()}
    return Export(**(usual | wanted | fields))


def ask(event: Event) -> File | None:
    return ask_for_export(export=export_of(event), actor=SOMEBODY, now=clock.now())


def test_as_many_rows_as_a_request_may_write_are_a_whole_file_at_once(
    monkeypatch: pytest.MonkeyPatch, queue: RecordingQueue
):
    monkeypatch.setattr(asking, "BATCH", 2)
    event = make_event()
    make_paid_order(ticket_type=event.ticket_types.get(), quantity=3)
    queue.sent.clear()
    monkeypatch.setattr(asking, "MOST_AT_ONCE", 3)

    file = ask(event)

    assert file is not None
    sheet = load_workbook(BytesIO(file.data)).active
    assert sheet.max_row == 1 + 3
    act = Act.objects.get(type=ActType.EVENT_EXPORTED)
    assert act.details == {"kind": "tickets", "format": "xlsx", "rows": 3}
    monkeypatch.setattr(asking, "MOST_AT_ONCE", 2)
    assert ask(event) is None
    export = Export.objects.get()
    assert export.expires_at - export.asked_at == KEPT
    assert len(queue.sent) == 1


def test_exports_wait_that_staff_of_the_organizer_asked_for_and_that_are_not_written(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(asking, "MOST_AT_ONCE", 0)
    monkeypatch.setattr(asking, "_MOST_OPEN", 2)
    event = make_event()
    make_paid_order(ticket_type=event.ticket_types.get())
    now = clock.now()
    report = ScheduledReport.objects.create(
        organizer=event.organizer, kind="orders", created_at=now, next_at=now
    )
    for fields in (
        {"organizer": make_organizer()}, {"schedule": report}, {"finished_at": now},
        {"failed_at": now},
    ):  # fmt: skip
        for _ in range(2):
            columns = {"asked_at": now, "expires_at": now, "ask_again_at": now} | fields
            export_of(event, kind="orders", **columns).save()

    for _ in range(2):
        assert ask(event) is None
    with pytest.raises(TooManyExports):
        ask(event)
