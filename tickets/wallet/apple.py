"""A ticket as a signed file for Apple's wallet (`.pkpass`)."""

import hashlib
import json
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, Final
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import (
    PKCS7Options,
    PKCS7SignatureBuilder,
)
from django.conf import settings
from django.utils.translation import gettext
from PIL import Image, ImageDraw, ImageFont

from events.logos import read_logo
from orders.models import Order
from ticketing.pages.accent import Rgb
from tickets.models import Ticket
from tickets.wallet.contents import PassContents, describe_pass
from tickets.wallet.keys import AppleKeys

PKPASS: Final = "application/vnd.apple.pkpass"
# In points. Phones take the files of their own resolution.
_ICON: Final = 29
_LOGO: Final = (160, 50)
_RESOLUTIONS: Final = (1, 2, 3)
_FONT: Final = Path(settings.BASE_DIR) / "ticketing" / "fonts" / "NotoSans-Bold.ttf"


def render_apple_pass(*, order: Order, ticket: Ticket, number: int, keys: AppleKeys) -> bytes:
    """
    Return a ticket as a signed pass, in the active language.

    A newer pass of the same place replaces the older one on a phone, also if its code has changed.
    The organizer's logo is read from S3, so no transaction may be open.
    """
    contents = describe_pass(order, ticket, number)
    logo = read_logo(order.event.organizer)
    document = _describe(contents, keys, serial=f"{order.pk}-{number}", has_logo=bool(logo))
    files = {"pass.json": json.dumps(document, ensure_ascii=False).encode(), **_icons(contents)}
    if logo:
        files |= _logos(logo)
    manifest = {name: _digest(content) for name, content in files.items()}
    files["manifest.json"] = json.dumps(manifest).encode()
    files["signature"] = _sign(files["manifest.json"], keys)
    return _pack(files)


def _describe(
    contents: PassContents, keys: AppleKeys, *, serial: str, has_logo: bool
) -> dict[str, Any]:
    return {
        "formatVersion": 1,
        "passTypeIdentifier": keys.pass_type,
        "teamIdentifier": keys.team,
        "serialNumber": serial,
        "organizationName": contents.organizer,
        "description": f"{contents.event}: {contents.ticket_type}",
        **({} if has_logo else {"logoText": contents.organizer}),
        "backgroundColor": _color(contents.back),
        "foregroundColor": _color(contents.ink),
        "labelColor": _color(contents.ink),
        "relevantDate": contents.starts_at.isoformat(timespec="seconds"),
        "expirationDate": contents.ends_at.isoformat(timespec="seconds"),
        "voided": contents.is_void,
        # Each code opens the gate once.
        "sharingProhibited": True,
        "barcodes": [
            {
                "format": "PKBarcodeFormatQR",
                "message": contents.code,
                "messageEncoding": "iso-8859-1",
                "altText": contents.readable_code,
            }
        ],
        "eventTicket": {
            "primaryFields": [_field("event", gettext("Event"), contents.event)],
            "secondaryFields": [
                {
                    **_field(
                        "start",
                        gettext("Date and time"),
                        contents.starts_at.isoformat(timespec="seconds"),
                    ),
                    "dateStyle": "PKDateStyleMedium",
                    "timeStyle": "PKDateStyleShort",
                    # The time of the event's zone, wherever the phone is.
                    "ignoresTimeZone": True,
                },
                _field("venue", gettext("Place"), contents.venue),
            ],
            "auxiliaryFields": [
                _field("holder", gettext("Name"), contents.holder),
                _field("type", gettext("Ticket"), contents.ticket_type),
            ],
            "backFields": [
                _field("address", gettext("Address"), contents.address),
                _field("price", gettext("Price"), contents.price),
                _field("order", gettext("Order"), contents.order_code),
                _field("organizer", gettext("Organizer"), contents.organizer),
            ],
        },
    }


def _field(key: str, label: str, value: str) -> dict[str, Any]:
    return {"key": key, "label": label, "value": value}


def _color(color: Rgb) -> str:
    return f"rgb({color[0]}, {color[1]}, {color[2]})"


def _icons(contents: PassContents) -> dict[str, bytes]:
    """Return the picture of notifications: the organizer's first letter on its color."""
    return {
        _file_name("icon", times): _draw_icon(contents, _ICON * times) for times in _RESOLUTIONS
    }


def _draw_icon(contents: PassContents, side: int) -> bytes:
    icon = Image.new("RGB", (side, side), contents.back)
    draw = ImageDraw.Draw(icon)
    font = ImageFont.truetype(_FONT, side * 0.62)
    middle = (side / 2, side / 2)
    draw.text(middle, contents.organizer[:1].upper(), font=font, fill=contents.ink, anchor="mm")
    return _encode(icon)


def _logos(png: bytes) -> dict[str, bytes]:
    files = {}
    for times in _RESOLUTIONS:
        logo = Image.open(BytesIO(png))
        logo.thumbnail((_LOGO[0] * times, _LOGO[1] * times), Image.Resampling.LANCZOS)
        files[_file_name("logo", times)] = _encode(logo)
    return files


def _file_name(name: str, times: int) -> str:
    return f"{name}.png" if times == 1 else f"{name}@{times}x.png"


def _encode(picture: Image.Image) -> bytes:
    encoded = BytesIO()
    picture.save(encoded, "PNG", optimize=True)
    return encoded.getvalue()


def _digest(content: bytes) -> str:
    # Apple's format asks for SHA-1. What protects the pass is the signature of the manifest.
    return hashlib.sha1(content, usedforsecurity=False).hexdigest()


def _sign(manifest: bytes, keys: AppleKeys) -> bytes:
    builder = PKCS7SignatureBuilder().set_data(manifest)
    builder = builder.add_signer(keys.certificate, keys.key, SHA256())
    options = [PKCS7Options.DetachedSignature, PKCS7Options.Binary]
    return builder.add_certificate(keys.authority).sign(Encoding.DER, options)


def _pack(files: Mapping[str, bytes]) -> bytes:
    packed = BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            # The same pass always has the same bytes, except for the time of its signature.
            archive.writestr(ZipInfo(name), content, ZIP_DEFLATED)
    return packed.getvalue()
