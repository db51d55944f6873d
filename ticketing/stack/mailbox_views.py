"""The mailbox's pages. Anyone who reaches them reads all mail, so only the local stack has them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

_SHOWN = 50
_NAME = re.compile(r"[0-9]{19}-[0-9a-f]{8}")
# A mail's HTML is untrusted: it may run no script, and load nothing from other hosts but pictures.
_POLICY = (
    "default-src 'none'; img-src 'self' https: http: data:; style-src 'unsafe-inline';"
    " frame-ancestors 'self'; sandbox"
)


@dataclass(frozen=True, slots=True)
class StoredMail:
    """One mail of the mailbox."""

    id: str
    message: EmailMessage

    @property
    def to(self) -> str:
        return parseaddr(str(self.message["To"]))[1]

    @property
    def sender(self) -> str:
        return str(self.message["From"])

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @property
    def sent_at(self) -> datetime:
        return datetime.fromtimestamp(int(self.id.split("-")[0]) / 1e9, tz=UTC)

    @property
    def text(self) -> str:
        part = self.message.get_body(preferencelist=("plain",))
        return part.get_content() if part else ""

    @property
    def html(self) -> str:
        part = self.message.get_body(preferencelist=("html",))
        return part.get_content() if part else ""

    @property
    def attachments(self) -> list[str]:
        return [part.get_filename() or "" for part in self.message.iter_attachments()]


@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """Show the newest mails."""
    mails = list(_newest(request.GET.get("to", "")))
    return render(request, "mailbox/inbox.html", {"mails": mails})


@require_GET
def listing(request: HttpRequest) -> JsonResponse:
    """Return the newest mails as JSON, for scripts."""
    return JsonResponse(
        {
            "messages": [
                {
                    "id": mail.id,
                    "to": mail.to,
                    "subject": mail.subject,
                    "sent_at": mail.sent_at.isoformat(),
                    "raw_url": f"/mailbox/messages/{mail.id}.eml",
                    "html_url": f"/mailbox/{mail.id}",
                }
                for mail in _newest(request.GET.get("to", ""))
            ]
        }
    )


@require_GET
def one(request: HttpRequest, name: str) -> HttpResponse:
    """Show one mail as its recipient sees it."""
    return render(request, "mailbox/one.html", {"mail": _find(name)})


@require_GET
def page(request: HttpRequest, name: str) -> HttpResponse:
    """Serve a mail's HTML. `cid:` links of its inline pictures become links to `inline`."""
    html = re.sub(r"cid:([^\"'\s>]+)", rf"/mailbox/{name}/inline/\1", _find(name).html)
    response = HttpResponse(html)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    return response


@require_GET
def inline(request: HttpRequest, name: str, content_id: str) -> HttpResponse:
    """Serve an inline picture of a mail's HTML."""
    return _picture(_find(name), lambda part: part["Content-ID"] == f"<{content_id}>")


@require_GET
def attachment(request: HttpRequest, name: str, file_name: str) -> HttpResponse:
    """Serve an attachment of a mail."""
    mail = _find(name)
    attached = list(mail.message.iter_attachments())
    response = _picture(mail, lambda part: part in attached and part.get_filename() == file_name)
    response.headers["Content-Disposition"] = "attachment"
    return response


@require_GET
def raw(request: HttpRequest, name: str) -> HttpResponse:
    """Serve a mail's source, as it was sent."""
    return HttpResponse(_file(name).read_bytes(), content_type="message/rfc822")


def _picture(mail: StoredMail, fits: object) -> HttpResponse:
    for part in mail.message.walk():
        if callable(fits) and fits(part) and part.get_content_type() == "image/png":
            return HttpResponse(part.get_content(), content_type="image/png")
    raise Http404


def _newest(to: str) -> Iterator[StoredMail]:
    stems = (file.stem for file in _folder().glob("*.eml"))
    names = sorted(filter(_NAME.fullmatch, stems), reverse=True)
    shown = 0
    for name in names:
        mail = _find(name)
        if not to or mail.to == to:
            yield mail
            shown += 1
        if shown == _SHOWN:
            return


def _find(name: str) -> StoredMail:
    message = message_from_bytes(_file(name).read_bytes(), policy=default)
    return StoredMail(name, message)


def _file(name: str) -> Path:
    file = _folder() / f"{name}.eml"
    if not _NAME.fullmatch(name) or not file.is_file():
        raise Http404
    return file


def _folder() -> Path:
    return Path(settings.MAILBOX_DIR)
