"""The mail that carries an order's tickets, in its buyer's language."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from email.headerregistry import Address
from email.message import EmailMessage as Letter
from email.policy import SMTP, EmailPolicy
from email.utils import formatdate, make_msgid, parseaddr
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.utils import formats, translation
from django.utils.translation import gettext, ngettext

from orders.models import Order
from tickets.models import Ticket, TicketStatus
from tickets.pictures import render_png

_SYMBOLS = {"BRL": "R$", "USD": "US$", "EUR": "€"}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One ticket as the mail shows it."""

    number: int
    ticket_type: str
    holder_name: str
    code: str
    file_name: str
    picture: bytes

    @property
    def content_id(self) -> str:
        return f"{self.file_name}@bilheteria"


class SevenBitSafe(Letter):
    """A letter that mail backends can ask for other line ends."""

    def as_bytes(
        self,
        unixfrom: bool = False,  # noqa: FBT001, FBT002 - the standard library's signature
        policy: Any = None,
        linesep: str | None = None,
    ) -> bytes:
        chosen: EmailPolicy[Any] = policy or SMTP
        return super().as_bytes(unixfrom, chosen.clone(linesep=linesep) if linesep else chosen)


class TicketMail(EmailMessage):
    """
    Text and HTML, the QR codes inside the HTML and once more as files.

    mixed( alternative( text, related( HTML, QR codes ) ), QR codes )
    """

    def __init__(self, *, html: str, leaves: Sequence[Leaf], **options: Any) -> None:
        super().__init__(**options)
        self.html = html
        self.leaves = leaves

    def message(self, *, policy: Any = None) -> Any:
        return self._letter

    @cached_property
    def _letter(self) -> SevenBitSafe:
        letter = SevenBitSafe(policy=SMTP)
        letter["Subject"] = self.subject
        letter["From"] = _address(self.from_email)
        letter["To"] = [_address(to) for to in self.to]
        letter["Reply-To"] = [_address(to) for to in self.reply_to]
        letter["Date"] = formatdate(localtime=False)
        letter["Message-ID"] = make_msgid(domain=parseaddr(self.from_email)[1].partition("@")[2])
        # Nobody's holiday notice is to answer a machine (RFC 3834).
        letter["Auto-Submitted"] = "auto-generated"
        letter.set_content(self.body)
        letter.add_alternative(self.html, subtype="html")
        page = letter.get_payload()[1]  # type: ignore[index]
        for leaf in self.leaves:
            page.add_related(  # type: ignore[union-attr]
                leaf.picture,
                "image",
                "png",
                cid=f"<{leaf.content_id}>",
                disposition="inline",
                filename=leaf.file_name,
            )
        for leaf in self.leaves:
            letter.add_attachment(leaf.picture, "image", "png", filename=leaf.file_name)
        return letter


def compose_ticket_mail(*, order: Order, tickets: Sequence[Ticket]) -> TicketMail:
    """Return the mail that carries an order's tickets. It is not sent yet."""
    with translation.override(order.language):
        # Numbered as staff count them, by what was sold.
        leaves = [
            _leaf(order, ticket, number)
            for number, ticket in enumerate(tickets, 1)
            if ticket.status != TicketStatus.REVOKED
        ]
        words = _words(order, leaves)
        subject = gettext("Your tickets: %(event)s") % {"event": order.event.name}
        organizer = order.event.organizer
        return TicketMail(
            subject=" ".join(subject.split()),
            body=render_to_string("tickets/mail/tickets.txt", words),
            html=render_to_string("tickets/mail/tickets.html", words),
            leaves=leaves,
            to=[order.customer_email],
            reply_to=[str(Address(organizer.name, addr_spec=organizer.email))],
        )


def show_money(amount: Decimal, currency: str) -> str:
    """Return an amount as the active language writes it."""
    if not amount:
        return gettext("free")
    number = formats.number_format(amount, decimal_pos=2, force_grouping=True)
    return f"{_SYMBOLS.get(currency, currency)} {number}"


def _words(order: Order, leaves: Sequence[Leaf]) -> dict[str, Any]:
    event = order.event
    zone = ZoneInfo(event.timezone)
    starts_at = event.starts_at.astimezone(zone)
    return {
        "order": order,
        "event": event,
        "organizer": event.organizer,
        "leaves": leaves,
        "count": ngettext("%(count)d ticket", "%(count)d tickets", len(leaves))
        % {"count": len(leaves)},
        "day": formats.date_format(starts_at, gettext("l, F j, Y")),
        "hour": formats.date_format(starts_at, gettext("g:i A")),
        "zone": f"{event.timezone.replace('_', ' ')}, UTC{_offset(starts_at.strftime('%z'))}",
        "total": show_money(order.total, order.currency),
        "language": translation.get_language(),
    }


def _offset(offset: str) -> str:
    hours = f"{offset[0].replace('-', '−')}{int(offset[1:3])}"
    return hours if offset[3:] == "00" else f"{hours}:{offset[3:]}"


def _leaf(order: Order, ticket: Ticket, number: int) -> Leaf:
    return Leaf(
        number=number,
        ticket_type=ticket.ticket_type.name,
        holder_name=ticket.holder_name,
        code=ticket.code,
        file_name=f"ticket-{order.code}-{number}.png",
        picture=render_png(ticket.code),
    )


def _address(text: str) -> Address:
    name, address = parseaddr(text)
    return Address(name, addr_spec=address)
