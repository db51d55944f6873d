"""The sites that may show a page of ours in a frame: how their origins are written."""

from typing import Final
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from ticketing.addresses import encode_domain

LONGEST_ORIGIN: Final = 200
_USUAL_PORT: Final = 443


def tidy_origin(text: str) -> str:
    """
    Return the origin of a site as browsers write it: `https://www.example.com`.

    :raises ValidationError: if it is no https origin, or more than one; the message says why
    """
    address = text.strip()
    if "://" not in address:
        address = f"https://{address}"
    try:
        parts = urlsplit(address)
        domain, port = encode_domain(parts.hostname or ""), parts.port
    except (ValidationError, ValueError) as error:
        raise ValidationError(
            _("“%(text)s” is no address of a site. Write one such as https://www.example.com.")
            % {"text": text[:LONGEST_ORIGIN]},
            code="invalid_origin",
        ) from error
    origin = f"https://{domain}" if port in {None, _USUAL_PORT} else f"https://{domain}:{port}"
    if parts.scheme != "https":
        raise ValidationError(
            _("%(text)s is not protected. The site needs an address that begins with https://.")
            % {"text": text[:LONGEST_ORIGIN]},
            code="insecure_origin",
        )
    if parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValidationError(
            _("Write only %(origin)s: all pages of the site are meant.") % {"origin": origin},
            code="more_than_an_origin",
        )
    if len(origin) > LONGEST_ORIGIN:
        raise ValidationError(
            _("An address of a site has at most %(count)d characters.") % {"count": LONGEST_ORIGIN},
            code="origin_too_long",
        )
    return origin
