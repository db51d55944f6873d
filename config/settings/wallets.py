"""Certificates and keys with which tickets become passes of a phone's wallet. None: no passes."""

from typing import Final

from django.core.exceptions import ImproperlyConfigured
from environ import Env

_APPLE: Final = ("APPLE_PASS_CERTIFICATE", "APPLE_PASS_KEY", "APPLE_WWDR_CERTIFICATE")
_GOOGLE: Final = ("GOOGLE_WALLET_ISSUER_ID", "GOOGLE_WALLET_SERVICE_ACCOUNT")


def read_wallets(env: Env) -> dict[str, str]:
    """
    Return the variables of both wallets. Those of a wallet that is not used are empty.

    :raises ImproperlyConfigured: if only some variables of a wallet are set
    """
    values = {name: env(name, default="").strip() for name in (*_APPLE, *_GOOGLE)}
    for names in (_APPLE, _GOOGLE):
        missing = [name for name in names if not values[name]]
        if 0 < len(missing) < len(names):
            raise ImproperlyConfigured(
                f"Set {', '.join(missing)} too, or none of {', '.join(names)}. See .env.example."
            )
    return values
