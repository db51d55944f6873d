"""The admin's theme: its colors, its menu, and translations of its own texts."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy
from django.utils.module_loading import import_string
from django.utils.translation import gettext_lazy as _


def _link(title: Any, icon: str, view: str) -> dict[str, Any]:
    def may_open(request: Any) -> bool:
        # By name: the admin cannot be imported while the settings are read.
        return bool(import_string("ticketing.pages.menu.may_open")(request, view))

    return {
        "title": title,
        "icon": icon,
        "link": reverse_lazy(f"admin:{view}_changelist"),
        "permission": may_open,
    }


def _owns_an_organizer(request: Any) -> bool:
    return bool(import_string("tickets.home.personal_data.may_open")(request))


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Bilheteria",
    "SITE_HEADER": "Bilheteria",
    # The time zone of times that belong to no event, such as those in the change log.
    "SITE_SUBHEADER": lambda _request: import_string("events.time_zones.name_clock_of_pages")(),
    "SITE_SYMBOL": "confirmation_number",
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("ticketing/favicon.svg"),
        }
    ],
    # Each page has a section "What happened", which also knows what the API and the system did.
    "SHOW_HISTORY": False,
    "SHOW_LANGUAGES": True,
    "BORDER_RADIUS": "8px",
    "SCRIPTS": [lambda _request: static("ticketing/admin.js")],
    "DASHBOARD_CALLBACK": "tickets.home.board.fill_home",
    "STYLES": [lambda _request: static("ticketing/admin.css")],
    "COLORS": {
        "primary": {
            "50": "#fdf3f1",
            "100": "#fbe4df",
            "200": "#f7cdc4",
            "300": "#f0aa9c",
            "400": "#e57c68",
            "500": "#d65741",
            "600": "#c2412d",
            "700": "#a23322",
            "800": "#862d20",
            "900": "#702a20",
            "950": "#3d120c",
        }
    },
    "ACCOUNT": {
        "navigation": [
            {"title": _("My notices"), "link": reverse_lazy("admin:my_notices")},
            {"title": _("Security"), "link": reverse_lazy("security")},
        ]
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "items": [
                    {"title": _("Home"), "icon": "home", "link": reverse_lazy("admin:index")},
                ],
            },
            {
                "title": _("Sales"),
                "separator": True,
                "items": [
                    _link(_("Events"), "event", "events_event"),
                    _link(_("Orders"), "receipt_long", "orders_order"),
                    _link(_("Promo codes"), "sell", "orders_promocode"),
                    _link(_("Tickets"), "confirmation_number", "tickets_ticket"),
                    _link(_("Deliveries"), "mail", "tickets_delivery"),
                    _link(_("Refund requests"), "currency_exchange", "tickets_refundrequest"),
                    _link(_("Notices to buyers"), "campaign", "notices_notice"),
                    _link(_("Box office"), "point_of_sale", "orders_boxofficesale"),
                    _link(_("Guest lists"), "playlist_add_check", "orders_guestlist"),
                ],
            },
            {
                "title": _("Reports"),
                "separator": True,
                "items": [
                    _link(_("Ledger"), "account_balance", "orders_ledgerentry"),
                    _link(_("Exports"), "download", "reports_export"),
                    _link(_("Scheduled reports"), "schedule_send", "reports_scheduledreport"),
                ],
            },
            {
                "title": _("The door"),
                "separator": True,
                "items": [
                    _link(_("Scans"), "qr_code_scanner", "tickets_scan"),
                    _link(_("Door devices"), "smartphone", "tickets_device"),
                ],
            },
            {
                "title": _("The people"),
                "separator": True,
                "items": [
                    _link(_("Organizers"), "storefront", "events_organizer"),
                    _link(_("Members"), "groups", "events_membership"),
                    _link(_("Invitations"), "forward_to_inbox", "events_invitation"),
                    _link(_("Refund policies"), "policy", "events_refundpolicy"),
                    _link(_("Terms and privacy"), "gavel", "events_termsversion"),
                    _link(_("Users"), "person", "ticketing_user"),
                    _link(_("Change log"), "history", "ticketing_act"),
                    {
                        "title": _("Personal data"),
                        "icon": "person_remove",
                        "link": reverse_lazy("personal_data"),
                        "permission": _owns_an_organizer,
                    },
                ],
            },
            {
                "title": _("Advanced"),
                "separator": True,
                "items": [
                    _link(_("API tokens"), "key", "events_apitoken"),
                    _link(_("Webhooks"), "webhook", "webhooks_webhookendpoint"),
                    _link(_("Webhook messages"), "outbox", "webhooks_webhookmessage"),
                    _link(_("Failed messages"), "report", "ticketing_failedmessage"),
                ],
            },
        ],
    },
}

# The theme has no Portuguese translation, so its texts are listed here to be translated in ours.
THEME_WORDS = [
    _("Type to search"),
    _("Filters"),
    _("Apply Filters"),
    _("Reset filters"),
    _("Clear all filters"),
    _("Select all rows"),
    _("Select Record"),
    _("Select record"),
    _("No results found"),
    _("This page yielded into no results. Create a new item or reset your filters."),
    _("Run"),
    _("Run the selected action"),
    _("More actions"),
    _("Add row"),
    _("Light"),
    _("Dark"),
    _("System"),
    _("Log out"),
    _("Log in"),
    _("Forgotten your password or username?"),
    _("Change password"),
    _("View site"),
    _("Save and continue editing"),
    _("Save and add another"),
    _("Save and view"),
    _("Save"),
    _("Close"),
    _("Go back"),
    _("Loading more results..."),
    _("Toggle password visibility"),
    _("Unknown"),
    _("True"),
    _("False"),
    _("Next"),
    _("Previous"),
    _("Remove"),
    _("Choose file to upload"),
    _("Select value"),
    _("Select action"),
    _("Select action to run"),
    _("Date"),
    _("Time"),
    _("Click to cancel"),
    _("This item will be deleted."),
    _("Welcome back to"),
    _("Return to site"),
    _("You have been successfully logged out from the administration"),
]
