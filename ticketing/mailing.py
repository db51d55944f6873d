"""Sending a mail by SES, and telling permanent failures from temporary ones."""

import re
from functools import cache
from typing import Final

from botocore.exceptions import ClientError
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend

from ticketing.addresses import tidy_address

# Codes with which SES refuses the mail or its recipient: a retry fails in the same way.
_PERMANENT_CODES: Final = frozenset(
    {"MessageRejected", "InvalidParameterValue", "InvalidParameterValueException"}
)
# SES uses the same codes for problems of our account. A retry succeeds when these are solved.
_ACCOUNT_PROBLEM: Final = re.compile(r"not verified|suspended|paused|sandbox|quota", re.IGNORECASE)


class MailRefused(Exception):
    """The failure is permanent: a retry of this mail to this address fails as well."""


def send_mail(mail: EmailMessage) -> None:
    """
    Send a mail to its one recipient.

    :raises MailRefused: if the address is invalid, or SES refuses the mail permanently
    :raises Exception: if a retry may succeed
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
    """Return whether SES refused the mail or its recipient, so that no retry can succeed."""
    details = error.response.get("Error", {})
    if details.get("Code") not in _PERMANENT_CODES:
        return False
    message = details.get("Message", "")
    return recipient.lower() in message.lower() or not _ACCOUNT_PROBLEM.search(message)


def describe_failure(error: Exception) -> str:
    """Return in words why a mail was not sent."""
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        return f"{details.get('Code', '?')}: {details.get('Message', '')}"
    return f"{type(error).__name__}: {error}"


@cache
def open_mail() -> BaseEmailBackend:
    """Return the process's connection to SES. Making a client takes longer than sending a mail."""
    connection = get_connection()
    connection.open()
    return connection
