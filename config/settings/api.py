"""The API: which browsers may call it, REST framework, and the API's document."""

from typing import Any

from environ import Env

_env = Env()

# --- Browsers --------------------------------------------------------------------------
# Origins whose pages may call the API from a browser. Browsers never send cookies with the calls.
CORS_ALLOWED_ORIGINS: list[str] = _env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/(?!admin|i18n|mailbox|static|healthz|readyz|metrics)"
CORS_ALLOW_HEADERS = [
    "accept-language",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "x-request-id",
]
CORS_EXPOSE_HEADERS = [
    "deprecation",
    "etag",
    "idempotent-replayed",
    "last-modified",
    "link",
    "location",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "sunset",
    "x-request-id",
]

# --- REST framework and the document ---------------------------------------------------
REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "ticketing.api.authentication.BearerAuthentication",
        "ticketing.api.authentication.StaffSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["ticketing.api.queries.KnownParameters"],
    "DEFAULT_PARSER_CLASSES": ["ticketing.api.parsing.BoundedJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_METADATA_CLASS": None,
    # Off, so that `?format=` is an unknown query parameter like any other.
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "ticketing.api.problems.answer_problem",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Bilheteria",
    "DESCRIPTION": "Reserve, pay, issue, admit.",
    "OAS_VERSION": "3.1.0",
    "DEFAULT_GENERATOR_CLASS": "ticketing.api.openapi.finishing.EnglishGenerator",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": [],
    "POSTPROCESSING_HOOKS": [
        "tickets.webhooks.document.describe_webhooks",
        "drf_spectacular.hooks.postprocess_schema_enums",
        "ticketing.api.openapi.finishing.finish",
    ],
    # The descriptions would repeat the values: our choices have no other names in the API.
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "EventStatus": "events.models.EventStatus",
        "HealthStatus": [("ok", "ok")],
        "OrderStatus": "orders.models.OrderStatus",
        "PaymentMethod": "orders.models.PaymentMethod",
        "PaymentMethodSent": [("card", "card"), ("pix", "Pix"), ("free", "free")],
        "PaymentStatus": "orders.models.PaymentStatus",
        "TicketStatus": "tickets.models.TicketStatus",
    },
}
