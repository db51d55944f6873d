"""Email addresses: which can be mailed, how they are stored, and which belong to one person."""

import re
from functools import lru_cache
from typing import Final

import idna
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# RFC 5321, 4.5.3.1: of the local part, and of the address as SMTP carries it.
_LONGEST_LOCAL_PART: Final = 64
LONGEST_ADDRESS: Final = 254
# RFC 5322, 3.2.3: a dot-atom. Quoted local parts are legal, and hardly any provider has one.
_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL_PART: Final = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label is no number: `1.2.3.4` is an address of a machine.
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+$){_LABEL}")
_ENCODED: Final = "xn--"
_GMAIL: Final = frozenset({"gmail.com", "googlemail.com"})
_TOO_LONG: Final = _("254 characters are the most, with the domain encoded.")


def tidy_address(text: str) -> str:
    """
    Return an email address as it is stored: its domain in lower case and in IDNA's ASCII form.

    SES takes addresses of seven bits only. So what is returned can be mailed, as far as a look at
    it can tell.

    :raises ValidationError: if no mail of ours can reach it; the message says why
    """
    if len(text) > LONGEST_ADDRESS:
        raise ValidationError(_TOO_LONG, code="address_too_long")
    local, at, domain = text.rpartition("@")
    if not at:
        raise ValidationError(_("An email address has an @."), code="invalid_address")
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
            _("Before the @, 64 characters are the most."), code="local_part_too_long"
        )
    address = f"{local}@{_encode_domain(domain)}"
    if len(address) > LONGEST_ADDRESS:
        raise ValidationError(_TOO_LONG, code="address_too_long")
    return address


def can_be_mailed(text: str) -> bool:
    """Say whether `tidy_address` takes an address."""
    try:
        tidy_address(text)
    except ValidationError:
        return False
    return True


def counted_address(address: str) -> str:
    """
    Return what is counted as one recipient: in lower case, without a tag after a plus sign, and
    without the dots that Gmail ignores. The database's function `counted_email` says the same.
    """
    local, _at, domain = address.lower().rpartition("@")
    # A local part that begins with a plus sign is all there is.
    box = local.partition("+")[0] or local
    if domain in _GMAIL:
        return f"{box.replace('.', '')}@gmail.com"
    return f"{box}@{domain}"


# Most buyers share a few domains.
@lru_cache(maxsize=4096)
def _encode_domain(domain: str) -> str:
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
            _("After the @ stands a domain name, such as example.com."), code="invalid_domain"
        )
    return plain
