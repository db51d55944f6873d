"""The mailbox's pages. Only the local stack has them: anyone who can reach them reads all mail."""

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
# The letter is a stranger's page: no scripts, nothing from elsewhere but pictures.
_POLICY = (
    "default-src 'none'; img-src 'self' https: http: data:; style-src 'unsafe-inline';"
    " frame-ancestors 'self'; sandbox"
)


@dataclass(frozen=True, slots=True)
class Kept:
    """One mail of the mailbox."""

    id: str
    letter: EmailMessage

    @property
    def to(self) -> str:
        return parseaddr(str(self.letter["To"]))[1]

    @property
    def sender(self) -> str:
        return str(self.letter["From"])

    @property
    def subject(self) -> str:
        return str(self.letter["Subject"])

    @property
    def sent_at(self) -> datetime:
        return datetime.fromtimestamp(int(self.id.split("-")[0]) / 1e9, tz=UTC)

    @property
    def text(self) -> str:
        part = self.letter.get_body(preferencelist=("plain",))
        return part.get_content() if part else ""

    @property
    def html(self) -> str:
        part = self.letter.get_body(preferencelist=("html",))
        return part.get_content() if part else ""

    @property
    def attachments(self) -> list[str]:
        return [part.get_filename() or "" for part in self.letter.iter_attachments()]


@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """Show the newest mails."""
    kept = list(_newest(request.GET.get("to", "")))
    return render(request, "mailbox/inbox.html", {"kept": kept})


@require_GET
def listing(request: HttpRequest) -> JsonResponse:
    """Tell a script the newest mails."""
    return JsonResponse(
        {
            "messages": [
                {
                    "id": kept.id,
                    "to": kept.to,
                    "subject": kept.subject,
                    "sent_at": kept.sent_at.isoformat(),
                    "raw_url": f"/mailbox/messages/{kept.id}.eml",
                    "html_url": f"/mailbox/{kept.id}",
                }
                for kept in _newest(request.GET.get("to", ""))
            ]
        }
    )


@require_GET
def one(request: HttpRequest, name: str) -> HttpResponse:
    """Show one mail as its reader sees it."""
    return render(request, "mailbox/one.html", {"kept": _find(name)})


@require_GET
def page(request: HttpRequest, name: str) -> HttpResponse:
    """Serve a mail's HTML, its inline pictures found in the mail itself."""
    html = re.sub(r"cid:([^\"'\s>]+)", rf"/mailbox/{name}/inline/\1", _find(name).html)
    answer = HttpResponse(html)
    answer.headers["Content-Security-Policy"] = _POLICY
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    return answer


@require_GET
def inline(request: HttpRequest, name: str, content_id: str) -> HttpResponse:
    """Serve a picture that stands in a mail's HTML."""
    return _picture(_find(name), lambda part: part["Content-ID"] == f"<{content_id}>")


@require_GET
def attachment(request: HttpRequest, name: str, file_name: str) -> HttpResponse:
    """Serve a file that came with a mail."""
    kept = _find(name)
    attached = list(kept.letter.iter_attachments())
    answer = _picture(kept, lambda part: part in attached and part.get_filename() == file_name)
    answer.headers["Content-Disposition"] = "attachment"
    return answer


@require_GET
def raw(request: HttpRequest, name: str) -> HttpResponse:
    """Serve a mail as it was sent."""
    return HttpResponse(_file(name).read_bytes(), content_type="message/rfc822")


def _picture(kept: Kept, fits: object) -> HttpResponse:
    for part in kept.letter.walk():
        if callable(fits) and fits(part) and part.get_content_type() == "image/png":
            return HttpResponse(part.get_content(), content_type="image/png")
    raise Http404


def _newest(to: str) -> Iterator[Kept]:
    stems = (file.stem for file in _folder().glob("*.eml"))
    names = sorted(filter(_NAME.fullmatch, stems), reverse=True)
    shown = 0
    for name in names:
        kept = _find(name)
        if not to or kept.to == to:
            yield kept
            shown += 1
        if shown == _SHOWN:
            return


def _find(name: str) -> Kept:
    letter = message_from_bytes(_file(name).read_bytes(), policy=default)
    return Kept(name, letter)


def _file(name: str) -> Path:
    file = _folder() / f"{name}.eml"
    if not _NAME.fullmatch(name) or not file.is_file():
        raise Http404
    return file


def _folder() -> Path:
    return Path(settings.MAILBOX_DIR)
