"""Building a mail as MIME: plain text, HTML with inline pictures, and attachments."""

from collections.abc import Sequence
from dataclasses import dataclass
from email.encoders import encode_base64
from email.headerregistry import Address
from email.message import EmailMessage as Letter
from email.mime.image import MIMEImage
from email.mime.nonmultipart import MIMENonMultipart
from email.policy import SMTP, EmailPolicy
from email.utils import formatdate, make_msgid, parseaddr
from functools import cached_property
from typing import Any

from django.core.mail import EmailMessage


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG that the HTML shows by `cid:` and that is also attached as a file."""

    file_name: str
    content: bytes

    @property
    def content_id(self) -> str:
        return f"{self.file_name}@bilheteria"


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file that a mail carries. `kind` is its media type. A text is in UTF-8."""

    file_name: str
    content: bytes
    kind: str


class SevenBitSafe(Letter):
    """A message whose `as_bytes` takes `linesep`, as Django's mail backends call it."""

    def as_bytes(
        self,
        unixfrom: bool = False,  # noqa: FBT001, FBT002 - the standard library's signature
        policy: Any = None,
        linesep: str | None = None,
    ) -> bytes:
        chosen: EmailPolicy[Any] = policy or SMTP
        return super().as_bytes(unixfrom, chosen.clone(linesep=linesep) if linesep else chosen)


class HtmlMail(EmailMessage):
    """
    A mail of plain text and HTML, with each picture inline and again as an attachment, and files.

    mixed( alternative( text, related( HTML, pictures ) ), files, pictures )
    """

    def __init__(
        self,
        *,
        html: str,
        pictures: Sequence[Picture] = (),
        files: Sequence[AttachedFile] = (),
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.html = html
        self.pictures = pictures
        self.files = files

    def message(self, *, policy: Any = None) -> Any:
        return self._letter

    @cached_property
    def _letter(self) -> SevenBitSafe:
        letter = SevenBitSafe(policy=SMTP)
        letter["Subject"] = self.subject
        letter["From"] = _address(self.from_email)
        letter["To"] = [_address(to) for to in self.to]
        if self.reply_to:
            letter["Reply-To"] = [_address(to) for to in self.reply_to]
        letter["Date"] = formatdate(localtime=False)
        letter["Message-ID"] = make_msgid(domain=parseaddr(self.from_email)[1].partition("@")[2])
        # Automatic replies must not be sent to a machine (RFC 3834).
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(self.body)
        letter.add_alternative(self.html, subtype="html")
        if self.pictures:
            page: Any = letter.get_payload()[1]  # type: ignore[index]
            page.make_related()
            for picture in self.pictures:
                page.attach(_part(picture, inline=True))
        attached = [_file_part(file) for file in self.files]
        attached += [_part(picture, inline=False) for picture in self.pictures]
        if attached:
            letter.make_mixed()
        for part in attached:
            letter.attach(part)  # type: ignore[arg-type]
        return letter


def _part(picture: Picture, *, inline: bool) -> MIMEImage:
    # `add_related` and `add_attachment` are not used: they parse each header that they write, which
    # takes longer than drawing the picture.
    part = MIMEImage(picture.content, "png")
    disposition = "inline" if inline else "attachment"
    part.add_header("Content-Disposition", disposition, filename=picture.file_name)
    if inline:
        part.add_header("Content-ID", f"<{picture.content_id}>")
    return part


def _file_part(file: AttachedFile) -> MIMENonMultipart:
    kind, _, subtype = file.kind.partition("/")
    part = MIMENonMultipart(kind, subtype)
    if kind == "text":
        part.set_param("charset", "utf-8")
    part.set_payload(file.content)
    encode_base64(part)
    part.add_header("Content-Disposition", "attachment", filename=file.file_name)
    return part


def _address(text: str) -> Address:
    name, address = parseaddr(text)
    return Address(name, addr_spec=address)
