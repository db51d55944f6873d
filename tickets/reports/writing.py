"""Write the file of an export in steps, mail its link, and delete it in the end."""

import logging
import time
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import translation

from ticketing.mailing import MailRefused, send_mail
from ticketing.queue.messages import Message, next_retry_at, send_after_commit
from ticketing.queue.overdue import take_overdue
from ticketing.tables.columns import FileFormat
from ticketing.tables.files import open_table
from tickets.reports.asking import BATCH
from tickets.reports.mail import compose_export_mail
from tickets.reports.models import Export
from tickets.reports.storage import (
    SMALLEST_PART,
    begin_upload,
    delete_file,
    finish_upload,
    write_part,
)
from tickets.reports.tables import source_of

logger = logging.getLogger(__name__)

# Longer than the time limit of a task, so that no other worker writes while the task runs.
_LEASE: Final = timedelta(seconds=90)
# A step of a large export ends after so long, so that other work of the queue gets its turn.
_STEP_SECONDS: Final = 5
# Failed steps in a row after which an export is given up.
_MOST_ATTEMPTS: Final = 10
# The place after the last row. The parts are recorded before the file is made of them, so that a
# crash between the two finds them again.
_AT_THE_END: Final = {"end": True}


def write_export(*, export_id: UUID, now: datetime) -> None:
    """
    Do the next step of an export: write, mail, or delete it. A repeat does no harm.

    :raises Exception: if S3 or SES failed; SQS delivers the message again
    """
    export = _lease(export_id, now)
    if export is None:
        return
    try:
        if export.expires_at <= now:
            _delete(export)
        elif export.finished_at is None:
            _write(export, now)
        else:
            _mail(export, now)
    except Exception:
        # All errors: the lease must end, so that the retry by SQS need not wait for it.
        _note_failure(export, now)
        raise


@transaction.atomic(durable=True)
def resend_export_messages(*, now: datetime) -> int:
    """
    Send the message again for each export with an overdue step. Return the number of messages.

    The task of the sweep calls it.
    """
    overdue = take_overdue(Export.objects.only("asks", "ask_again_at"), now=now)
    for export in overdue:
        send_after_commit(Message.WRITE_EXPORT, export_id=export.pk)
    return len(overdue)


def _lease(export_id: UUID, now: datetime) -> Export | None:
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    # Nothing is left to do before it expires: the message is a repeat.
    idle = Q(failed_at__isnull=False) | Q(mailed_at__isnull=False)
    rows = Export.objects.filter(pk=export_id)
    if (
        not rows.filter(free)
        .exclude(idle & Q(expires_at__gt=now))
        .update(leased_until=now + _LEASE)
    ):
        return None
    return rows.select_related("organizer", "event", "asked_by", "schedule").get()


def _write(export: Export, now: datetime) -> None:
    """Write for some seconds, or make the file of its parts if all of them are written."""
    if export.place == _AT_THE_END:
        finish_upload(export.object_name, upload=export.upload, tags=export.parts)
        _save_step(export, now, finished_at=now)
        return
    source = source_of(export)
    with translation.override(export.language):
        file = open_table(
            FileFormat(export.file_format),
            source.columns(),
            language=export.language,
            state=export.file_state,
        )
        data = bytearray(export.tail)
        if not export.upload:
            export.upload = begin_upload(export.object_name, content_type=file.content_type)
            data += file.begin()
        began = time.monotonic()
        while export.place != _AT_THE_END and time.monotonic() - began < _STEP_SECONDS:
            batch = source.read(export.place, BATCH)
            data += file.write(batch.rows)
            export.rows += len(batch.rows)
            export.place = batch.place or _AT_THE_END
            if batch.place is None:
                data += file.end()
            if len(data) >= SMALLEST_PART or (batch.place is None and data):
                _write_part(export, data)
    export.tail, export.file_state = bytes(data), file.state
    _save_step(export, now)


def _write_part(export: Export, data: bytearray) -> None:
    number = len(export.parts) + 1
    tag = write_part(export.object_name, upload=export.upload, number=number, data=bytes(data))
    export.parts.append(tag)
    data.clear()


@transaction.atomic(durable=True)
def _save_step(export: Export, now: datetime, *, finished_at: datetime | None = None) -> None:
    # If the lease ended too early and another worker has it, that worker's step counts.
    ours = Export.objects.filter(pk=export.pk, leased_until=export.leased_until)
    if ours.update(
        rows=export.rows,
        place=export.place,
        file_state=export.file_state,
        upload=export.upload,
        parts=export.parts,
        tail=export.tail,
        finished_at=finished_at,
        leased_until=None,
        attempts=0,
        asks=0,
        ask_again_at=next_retry_at(0, now=now),
    ):
        send_after_commit(Message.WRITE_EXPORT, export_id=export.pk)


def _mail(export: Export, now: datetime) -> None:
    if export.asked_by.email:
        try:
            send_mail(compose_export_mail(export))
        except MailRefused:
            # The file is on the page of exports. The user's address is a matter of the user.
            logger.warning("The mail of an export was refused: export %s.", export.pk)
    # From here on the sweep has nothing to do until the file is deleted.
    Export.objects.filter(pk=export.pk).update(
        mailed_at=now, leased_until=None, asks=0, ask_again_at=export.expires_at
    )


def _delete(export: Export) -> None:
    delete_file(export.object_name, upload="" if export.finished_at else export.upload)
    export.delete()


def _note_failure(export: Export, now: datetime) -> None:
    rows = Export.objects.filter(pk=export.pk)
    rows.update(leased_until=None, attempts=F("attempts") + 1)
    given_up = rows.filter(attempts__gte=_MOST_ATTEMPTS, finished_at=None, failed_at=None).update(
        failed_at=now, ask_again_at=export.expires_at
    )
    if given_up:
        logger.error("An export was given up: export %s.", export.pk)
