"""The local stack's mail backend: stores a copy of each sent mail for the mailbox pages."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django_ses import SESBackend

from ticketing.ids import new_id


class MailboxBackend(SESBackend):
    """Sends by SES as in production, and stores a copy: the local SES drops attachments."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        sent = 0
        for message in email_messages:
            if super().send_messages([message]):
                store_message(message)
                sent += 1
        return sent


def store_message(message: EmailMessage) -> Path:
    """Write a sent message to the mailbox's folder, atomically: the pages read it meanwhile."""
    folder = Path(settings.MAILBOX_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{time.time_ns()}-{new_id().hex[-8:]}.eml"
    half = file.with_suffix(f".{os.getpid()}")
    half.write_bytes(message.message().as_bytes())
    half.replace(file)
    return file
