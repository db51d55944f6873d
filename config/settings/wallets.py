"""Certificates and keys with which tickets become passes of a phone's wallet. None: no passes."""

from django.core.exceptions import ImproperlyConfigured
from environ import Env


def read_wallets(env: Env) -> dict[str, str]:
    """
    Return the variables of both wallets. Those of a wallet that is not used are empty.

    :raises ImproperlyConfigured: if only some variables of a wallet are set
    """
    apple = {
        "APPLE_PASS_CERTIFICATE": env("APPLE_PASS_CERTIFICATE", default="").strip(),
        "APPLE_PASS_KEY": env("APPLE_PASS_KEY", default="").strip(),
        "APPLE_WWDR_CERTIFICATE": env("APPLE_WWDR_CERTIFICATE", default="").strip(),
    }
    google = {
        "GOOGLE_WALLET_ISSUER_ID": env("GOOGLE_WALLET_ISSUER_ID", default="").strip(),
        "GOOGLE_WALLET_SERVICE_ACCOUNT": env("GOOGLE_WALLET_SERVICE_ACCOUNT", default="").strip(),
    }
    for wallet in (apple, google):
        missing = [name for name, value in wallet.items() if not value]
        if 0 < len(missing) < len(wallet):
            raise ImproperlyConfigured(
                f"Set {', '.join(missing)} too, or none of {', '.join(wallet)}. See .env.example."
            )
    return apple | google
