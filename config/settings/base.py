"""
The settings of every process. Only the modules of this package read environment variables.

Each variable is explained in `.env.example`; tests/system/test_deployment.py compares the two.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _
from environ import Env

from config.settings.api import *
from config.settings.api import CORS_ALLOWED_ORIGINS
from config.settings.database import *
from config.settings.keys import read_ticket_keys, read_webhook_keys
from config.settings.limits import *
from config.settings.logs import *
from config.settings.queue import *
from config.settings.storage import *
from config.settings.unfold import *
from config.settings.wallets import read_wallets

_env = Env()

BASE_DIR = Path(__file__).resolve().parents[2]

# --- Secrets ---------------------------------------------------------------------------
SECRET_KEY = _env("SECRET_KEY")
# Earlier keys, still accepted while SECRET_KEY is being rotated.
SECRET_KEY_FALLBACKS: list[str] = _env.list("SECRET_KEY_FALLBACKS", default=[])
# Every event's signing key is derived from one of these: with a leaked key anyone can forge
# tickets. New tickets are signed with the first key; tickets signed with any of them are valid.
TICKET_SIGNING_KEYS = read_ticket_keys(_env)
# Secrets of webhook endpoints are derived from these keys, new secrets from the first key.
WEBHOOK_SIGNING_KEYS = read_webhook_keys(_env)
# Of the wallets of phones: certificates and private keys, by the name of their variable.
WALLET_KEYS = read_wallets(_env)
# The only signing secret of the first release. Some secrets that were derived from it are still in
# use and are not stored.
TICKET_SIGNING_SECRET: str = _env("TICKET_SIGNING_SECRET", default="")

# --- Web -------------------------------------------------------------------------------
DEBUG = False
ALLOWED_HOSTS: list[str] = _env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])
CSRF_FAILURE_VIEW = "ticketing.pages.refused.answer_forged_form"
CSRF_TRUSTED_ORIGINS: list[str] = _env.list("CSRF_TRUSTED_ORIGINS", default=[])
# Where buyers and organizers reach the site; used in mails, without a trailing slash.
PUBLIC_URL: str = _env("PUBLIC_URL", default="http://localhost:8000")
ROOT_URLCONF = "config.urls"
LOGIN_REDIRECT_URL = "/admin/"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False
# The largest legitimate request body is an event with a long description.
DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
# An order of 100 tickets may be asked 20 questions about each of them.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 3_000
# A picture of an event or a logo, which only two pages of the admin take. It stays in memory: the
# disk of a container may be read-only. The form around it needs some more bytes.
PICTURE_MAX_BYTES = 8 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = PICTURE_MAX_BYTES + 64 * 1024
# A guest list, which one page of the admin takes.
GUEST_LIST_MAX_BYTES = 1_000_000
LARGER_BODIES: dict[str, int] = {
    r"/admin/events/event/[^/]+/picture_this/?": FILE_UPLOAD_MAX_MEMORY_SIZE,
    r"/admin/events/organizer/[^/]+/logo_this/?": FILE_UPLOAD_MAX_MEMORY_SIZE,
    r"/admin/orders/guestlist/event/[^/]+/?": GUEST_LIST_MAX_BYTES + 64 * 1024,
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "ticketing.User"
INSTALLED_APPS = [
    # Before the theme, so that its templates replace the theme's of the same name.
    "ticketing",
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "events",
    "orders",
    "tickets",
    "tickets.reports",
    "tickets.webhooks",
    "tickets.notices",
]
MIDDLEWARE = [
    "ticketing.api.requests.RequestIdMiddleware",
    "ticketing.api.browsers.BrowserHeadersMiddleware",
    # Before all middleware that may refuse a request, so that refused requests are counted too.
    "ticketing.telemetry.middleware.MeasuringMiddleware",
    "ticketing.api.deprecation.DeprecationMiddleware",
    # Before all middleware that may refuse a request: without CORS headers a browser would hide
    # the refusal from the page.
    *(["corsheaders.middleware.CorsMiddleware"] if CORS_ALLOWED_ORIGINS else []),
    "django.middleware.security.SecurityMiddleware",
    "ticketing.api.limits.RateLimitMiddleware",
    # Before all middleware that may read the body.
    "ticketing.api.parsing.BodyLimitMiddleware",
    # Passes API requests without a cookie straight to their view. The middleware after it is for
    # pages, and for staff who call the API with their session.
    "ticketing.api.requests.ApiMiddleware",
    "ticketing.api.requests.PublicPageMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "ticketing.api.requests.PagesLocaleMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "events.second_factor_page.SecondFactorMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]
AUTHENTICATION_BACKENDS = [
    # The first backend only refuses locked-out user names; the second one checks passwords.
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# How long a sign-in to the admin is valid, for calls to the API too.
SESSION_COOKIE_AGE: int = _env.int("SIGN_IN_HOURS", default=12) * 3600
if SESSION_COOKIE_AGE <= 0:
    raise ImproperlyConfigured("SIGN_IN_HOURS must be 1 or more.")

# How long the mailed link for a new password works, in seconds: whole hours, as the mail says.
PASSWORD_RESET_TIMEOUT = 3600

# --- Languages and time ----------------------------------------------------------------
USE_TZ = True
TIME_ZONE = "UTC"
# The time zone of the admin's pages. Pages of one event use the event's time zone.
PAGES_TIME_ZONE: str = _env("PAGES_TIME_ZONE", default="America/Sao_Paulo")
LANGUAGE_CODE = "pt-br"
LANGUAGES = [("pt-br", _("Brazilian Portuguese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
STATIC_URL = "/static/"
STATIC_ROOT = Path(_env("STATIC_ROOT", default=str(BASE_DIR / "staticfiles")))

# --- The sale --------------------------------------------------------------------------
PAYMENT_GATEWAY: str = _env("PAYMENT_GATEWAY", default="orders.gateway.SimulatedGateway")
# The simulated gateway charges nobody. Without this setting, no process starts with it.
ALLOW_SIMULATED_PAYMENTS: bool = _env.bool("ALLOW_SIMULATED_PAYMENTS", default=False)
# Whether the shop's pages offer the simulated gateway's test cards and its Pix to everybody.
SHOW_TEST_PAYMENTS: bool = _env.bool("SHOW_TEST_PAYMENTS", default=False)
# What the simulated gateway keeps of each charge, as a payment provider does.
SIMULATED_FEE_PERCENT = Decimal(_env("SIMULATED_FEE_PERCENT", default="0"))

# --- The door --------------------------------------------------------------------------
# For how many hours a door device may admit without a network by what it has downloaded. It is also
# how long a lost device that was revoked may admit, if it never comes online again.
DOOR_BUNDLE_HOURS: int = _env.int("DOOR_BUNDLE_HOURS", default=12)
if not 1 <= DOOR_BUNDLE_HOURS <= 72:  # noqa: PLR2004
    raise ImproperlyConfigured("DOOR_BUNDLE_HOURS must be from 1 to 72.")

# --- Webhooks --------------------------------------------------------------------------
# Private networks to which webhooks may be sent, also over plain HTTP: for a stack on one machine.
WEBHOOK_ALLOWED_NETWORKS: list[str] = _env.list("WEBHOOK_ALLOWED_NETWORKS", default=[])

# --- The demo: only config.settings.local reads its password and tokens --------------------
DEMO_ADMIN_PASSWORD = ""
DEMO_API_TOKEN = ""
DEMO_DEVICE_TOKEN = ""
