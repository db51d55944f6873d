"""Sending a mail by SES, and telling a refusal for good from one that may pass."""

import re
from functools import cache
from typing import Final

from botocore.exceptions import ClientError
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from ticketing.addresses import tidy_address

# SES judged the mail or its recipient, and judges a repeat the same.
_REFUSED: Final = frozenset(
    {"MessageRejected", "InvalidParameterValue", "InvalidParameterValueException"}
)
# Under the same codes SES reports faults of the sender's account. The mail itself is good then.
_ACCOUNT: Final = re.compile(r"not verified|suspended|paused|sandbox|quota", re.IGNORECASE)


class MailRefused(Exception):
    """The same mail to the same address will be refused again. The text says by what."""


def send_mail(mail: EmailMessage) -> None:
    """
    Send a mail to its one recipient.

    :raises MailRefused: if the address cannot be mailed, or SES refuses the mail for good
    :raises Exception: if it may go well the next time
    """
    (address,) = mail.to
    try:
        mail.to = [tidy_address(address)]
    except ValidationError as error:
        raise MailRefused(f"The address cannot be mailed. {' '.join(error.messages)}") from error
    mail.connection = open_mail()
    try:
        mail.send()
    except ClientError as error:
        if is_final(error, recipient=mail.to[0]):
            raise MailRefused(f"SES: {describe_failure(error)}") from error
        raise


def is_final(error: ClientError, *, recipient: str) -> bool:
    """Say whether SES refused the mail or its recipient, and not our account, rate or luck."""
    told = error.response.get("Error", {})
    if told.get("Code") not in _REFUSED:
        return False
    words = told.get("Message", "")
    return recipient.lower() in words.lower() or not _ACCOUNT.search(words)


def describe_failure(error: Exception) -> str:
    """Return why a mail did not go, for people."""
    if isinstance(error, ClientError):
        told = error.response.get("Error", {})
        return f"{told.get('Code', '?')}: {told.get('Message', '')}"
    return f"{type(error).__name__}: {error}"


@cache
def open_mail() -> BaseEmailBackend:
    """Return a connection that is kept: to make a client of SES costs more than to send by it."""
    connection = get_connection()
    connection.open()
    return connection
