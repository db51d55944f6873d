"""Email addresses: which are accepted, how they are stored, and which count as one recipient."""

import re
from functools import lru_cache
from typing import Final

import idna
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# The limits of RFC 5321, section 4.5.3.1: of the local part, and of the address in SMTP.
_LONGEST_LOCAL_PART: Final = 64
LONGEST_ADDRESS: Final = 254
# A dot-atom of RFC 5322, section 3.2.3. Quoted local parts are legal, but hardly any provider
# allows them.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL_PART: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label must not be a number: `1.2.3.4` is an IP address.
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+$){_LABEL}")
_ENCODED: Final = "xn--"
_GMAIL: Final = frozenset({"gmail.com", "googlemail.com"})
_TOO_LONG: Final = _("Use at most 254 characters, counting the encoded form of the domain.")


def tidy_address(text: str) -> str:
    """
    Return an email address as it is stored: with its domain in lower case and IDNA-encoded.

    The result is always ASCII, because SES accepts no other addresses.

    :raises ValidationError: if SES cannot send to the address; the message says what is wrong
    """
    if len(text) > LONGEST_ADDRESS:
        raise ValidationError(_TOO_LONG, code="address_too_long")
    local, at, domain = text.rpartition("@")
    if not at:
        raise ValidationError(_("An email address must contain an @."), code="invalid_address")
    if not local.isascii():
        raise ValidationError(
            _("Before the @, use letters of the English alphabet, digits and signs only."),
            code="local_part_not_ascii",
        )
    if not _LOCAL_PART.fullmatch(local):
        raise ValidationError(
            _("Before the @, quotes, spaces, control characters and stray dots are not allowed."),
            code="invalid_local_part",
        )
    if len(local) > _LONGEST_LOCAL_PART:
        raise ValidationError(
            _("Use at most 64 characters before the @."), code="local_part_too_long"
        )
    address = f"{local}@{encode_domain(domain)}"
    if len(address) > LONGEST_ADDRESS:
        raise ValidationError(_TOO_LONG, code="address_too_long")
    return address


def can_be_mailed(text: str) -> bool:
    """Return whether `tidy_address` accepts an address."""
    try:
        tidy_address(text)
    except ValidationError:
        return False
    return True


def counted_address(address: str) -> str:
    """
    Return the form of an address under which limits count it as one recipient.

    It is in lower case, without the tag after a plus sign, and without the dots that Gmail ignores.
    The function `counted_email` of the database must return the same.
    """
    local, _at, domain = address.lower().rpartition("@")
    # A local part that begins with a plus sign has no tag.
    box = local.partition("+")[0] or local
    if domain in _GMAIL:
        return f"{box.replace('.', '')}@gmail.com"
    return f"{box}@{domain}"


# Most buyers have addresses at a few domains.
@lru_cache(maxsize=4096)
def encode_domain(domain: str) -> str:
    """
    Return the name of a domain in lower case and IDNA-encoded.

    :raises ValidationError: if it is no such name, or a number as that of a computer
    """
    plain = domain.lower()
    if not plain.isascii() or _ENCODED in plain:
        try:
            plain = idna.encode(domain, uts46=True, std3_rules=True).decode()
        except (idna.IDNAError, UnicodeError) as error:
            raise ValidationError(
                _("The domain after the @ is not a valid name."), code="invalid_domain"
            ) from error
    if not _DOMAIN.fullmatch(plain):
        raise ValidationError(
            _("After the @, enter a domain name, such as example.com."), code="invalid_domain"
        )
    return plain
