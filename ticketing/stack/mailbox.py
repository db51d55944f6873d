"""A mailbox for the local stack: what SES took is kept, as the buyer would have received it."""

import os
import time
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.mail import EmailMessage
from django_ses import SESBackend

from ticketing.ids import new_id


class MailboxBackend(SESBackend):
    """Send by SES as ever, and keep a copy: the local SES forgets attachments."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        sent = 0
        for message in email_messages:
            if super().send_messages([message]):
                keep_message(message)
                sent += 1
        return sent


def keep_message(message: EmailMessage) -> Path:
    """Write a sent message to the mailbox's folder, whole or not at all."""
    folder = Path(settings.MAILBOX_DIR)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{time.time_ns()}-{new_id().hex[-8:]}.eml"
    half = file.with_suffix(f".{os.getpid()}")
    half.write_bytes(message.message().as_bytes())
    half.replace(file)
    return file
