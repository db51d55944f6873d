"""Mails to a user about the account: what they say, and sending each one once."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import translation
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ticketing.letters import HtmlMail
from ticketing.mail_lease import lease_row
from ticketing.mail_limit import book_mail
from ticketing.mail_templates import render_mail
from ticketing.mailing import MailRefused, send_mail
from ticketing.models import AccountMail, AccountMailKind, User
from ticketing.queue.messages import Message, next_retry_at, send_after_commit
from ticketing.sign_in.accounts import address_of

_KEPT: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _Text:
    title: str
    sentences: tuple[str, ...]
    link: str
    link_text: str
    notes: tuple[str, ...]


def ask_account_mail(*, user: User, kind: AccountMailKind, language: str, now: datetime) -> None:
    """
    Request a mail to a user, in the open transaction.

    A user without an address gets none. Over the limit of mails to one recipient it is delayed.
    """
    address = address_of(user)
    if not address:
        return
    goes_at = book_mail(address=address, now=now)
    mail = AccountMail.objects.create(
        user=user,
        kind=kind.value,
        language=language,
        asked_at=now,
        ask_again_at=goes_at if goes_at > now else next_retry_at(0, now=now),
    )
    if goes_at <= now:
        send_after_commit(Message.SEND_ACCOUNT_MAIL, mail_id=mail.pk)


def send_account_mail(*, mail_id: UUID, now: datetime) -> None:
    """
    Send a mail that was requested. A lease stops a repeated message from mailing.

    If the worker dies between sending the mail and recording it, the user gets it twice.
    """
    rows = AccountMail.objects.filter(pk=mail_id)
    if not lease_row(rows, now=now):
        return
    mail = rows.select_related("user").get()
    try:
        send_mail(_compose(mail))
    except MailRefused:
        rows.update(failed_at=now)
        return
    except Exception:
        # SQS delivers the message again, and that retry must not wait for this lease.
        rows.update(leased_until=None)
        raise
    rows.update(sent_at=now)


def account_mails_to_send() -> QuerySet[AccountMail]:
    """Return the mails that still have to be sent, for the sweep."""
    return AccountMail.objects.filter(sent_at=None, failed_at=None)


def forget_account_mails(*, now: datetime) -> None:
    """Delete old mails. What happened to the account stays in the change log."""
    AccountMail.objects.filter(asked_at__lt=now - _KEPT).delete()


def _compose(mail: AccountMail) -> HtmlMail:
    with translation.override(mail.language):
        text = _texts(mail.user)[AccountMailKind(mail.kind)]
        to = [address_of(mail.user)]
        return render_mail("account/mail", {"text": text}, subject=text.title, to=to)


def _texts(user: User) -> dict[AccountMailKind, _Text]:
    account = {"account": user.get_username()}
    hours = settings.PASSWORD_RESET_TIMEOUT // 3600
    security = settings.PUBLIC_URL + reverse("security")

    def news(title: str, sentence: str) -> _Text:
        """Return a text about something that the user has done, or somebody else."""
        return _Text(
            title=title,
            sentences=(sentence % account,),
            link=security,
            link_text=_("See the security of your account"),
            notes=(_("If it was not you, choose a new password at once."),),
        )

    return {
        AccountMailKind.PASSWORD_RESET: _Text(
            title=_("Choose a new password"),
            sentences=(
                _(
                    "Somebody, most likely you, asked for a new password for the account"
                    " %(account)s."
                )
                % account,
            ),
            link=_reset_link(user),
            link_text=_("Choose a new password"),
            notes=(
                ngettext(
                    "The link works once, for %(hours)d hour.",
                    "The link works once, for %(hours)d hours.",
                    hours,
                )
                % {"hours": hours},
                _("If you did not ask for it, do nothing: your password stays as it is."),
            ),
        ),
        AccountMailKind.PASSWORD_CHANGED: replace(
            news(
                _("Your password was changed"),
                _("The account %(account)s has a new password. All its sessions have ended."),
            ),
            link=settings.PUBLIC_URL + reverse("admin_password_reset"),
            link_text=_("Choose a new password"),
        ),
        AccountMailKind.SECOND_FACTOR_ON: news(
            _("Two-factor sign-in is on"),
            _("The account %(account)s asks for a code of your phone at each sign-in from now on."),
        ),
        AccountMailKind.SECOND_FACTOR_OFF: news(
            _("Two-factor sign-in is off"),
            _("The account %(account)s asks for the password alone from now on."),
        ),
        AccountMailKind.SECOND_FACTOR_RESET: news(
            _("Two-factor sign-in was reset"),
            _(
                "The two-factor sign-in of the account %(account)s was removed, because the phone"
                " was reported lost. Sign in with your password, and set it up again."
            ),
        ),
        AccountMailKind.WRONG_CODES: replace(
            news(
                _("Somebody knows your password"),
                _(
                    "Somebody signed in to the account %(account)s with the right password, but"
                    " with wrong codes too many times. Codes are refused for a while."
                ),
            ),
            link=settings.PUBLIC_URL + reverse("admin_password_reset"),
            link_text=_("Choose a new password"),
        ),
    }


def _reset_link(user: User) -> str:
    # Django's token depends on the password, the address and the last sign-in: a change of one of
    # them ends the link.
    place = reverse(
        "admin_password_reset_confirm",
        args=[
            urlsafe_base64_encode(force_bytes(user.pk)),
            default_token_generator.make_token(user),
        ],
    )
    return settings.PUBLIC_URL + place
