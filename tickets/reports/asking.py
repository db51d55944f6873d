"""Ask for an export: small ones are made at once, others by a worker."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.utils import translation

from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.models import ActType
from ticketing.queue.messages import Message, next_retry_at, send_after_commit
from ticketing.tables.columns import FileFormat
from ticketing.tables.files import open_table
from tickets.reports.models import Export
from tickets.reports.tables import file_name, source_of

# A request may make a file with at most so many rows.
MOST_AT_ONCE: Final = 5_000
BATCH: Final = 1_000
# How long a file is kept. A scheduled report is often read after a weekend.
KEPT: Final = timedelta(hours=24)
KEPT_SCHEDULED: Final = timedelta(days=7)
_MOST_OPEN: Final = 10


class TooManyExports(Conflict):
    """So many exports of the organizer are being written that no more are accepted."""

    code = "too_many_exports"
    title = "Too many exports are being written"


@dataclass(frozen=True, slots=True)
class File:
    """A whole file in memory."""

    name: str
    content_type: str
    data: bytes


def ask_for_export(*, export: Export, actor: Actor, now: datetime) -> File | None:
    """
    Return the file of a small export, or store `export` for a worker and return None.

    `export` is new; its user's right was checked. A file that is returned is recorded as an act.

    :raises TooManyExports: if the organizer has too many exports that are not written yet
    """
    export.asked_at = now
    if source_of(export).count(MOST_AT_ONCE + 1) <= MOST_AT_ONCE:
        return _make_at_once(export, actor, now)
    _store(export, now)
    return None


def add_export(*, export: Export, kept: timedelta, now: datetime) -> None:
    """Store an export in the open transaction, and ask a worker to write it."""
    export.asked_at = now
    export.expires_at = now + kept
    export.ask_again_at = next_retry_at(0, now=now)
    export.object_name = f"exports/{export.organizer_id}/{export.pk}.{export.file_format}"
    export.save(force_insert=True)
    send_after_commit(Message.WRITE_EXPORT, export_id=export.pk)


@transaction.atomic(durable=True)
def note_download(*, export: Export, actor: Actor, now: datetime) -> None:
    """Record that an actor downloads the file of an export."""
    _record(export, export.rows, actor, now)


@transaction.atomic(durable=True)
def _store(export: Export, now: datetime) -> None:
    waiting = Export.objects.filter(
        organizer_id=export.organizer_id, schedule=None, finished_at=None, failed_at=None
    )
    if waiting.order_by()[:_MOST_OPEN].count() == _MOST_OPEN:
        raise TooManyExports("Wait until one of the organizer's exports is finished.")
    add_export(export=export, kept=KEPT, now=now)


@transaction.atomic(durable=True)
def _make_at_once(export: Export, actor: Actor, now: datetime) -> File:
    source = source_of(export)
    with translation.override(export.language):
        file = open_table(
            FileFormat(export.file_format), source.columns(), language=export.language
        )
        pieces, rows, batch = [file.begin()], 0, source.read(None, BATCH)
        while True:
            pieces.append(file.write(batch.rows))
            rows += len(batch.rows)
            if batch.place is None:
                break
            batch = source.read(batch.place, BATCH)
        pieces.append(file.end())
    _record(export, rows, actor, now)
    return File(file_name(export), file.content_type, b"".join(pieces))


def _record(export: Export, rows: int, actor: Actor, now: datetime) -> None:
    of_event = export.event_id is not None
    record_act(
        act=ActType.EVENT_EXPORTED if of_event else ActType.ORGANIZER_EXPORTED,
        actor=actor,
        subject_id=export.event_id or export.organizer_id,
        organizer_id=export.organizer_id,
        at=now,
        details={"kind": export.kind, "format": export.file_format, "rows": rows},
    )
