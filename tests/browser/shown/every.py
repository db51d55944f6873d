"""Which pages the shop has, by the name of their view."""

from collections.abc import Mapping

from django.urls import URLPattern, URLResolver, get_resolver

from tests.browser.shown import of_events, of_orders, of_tickets
from tests.browser.shown.of_events import refusals
from tests.browser.shown.page import States, name_of
from ticketing.pages.shop import is_shop_page

__all__ = ["EVERY_PAGE", "NO_PAGES", "refusals", "views_of_the_shop"]

EVERY_PAGE: Mapping[str, States] = {
    "show_catalogue": of_events.catalogue,
    "choose_tickets": of_events.event_page,
    "show_embedded_choice": of_events.frame,
    "show_terms_page": of_events.terms,
    "show_order_page": of_orders.order_page,
    "show_details_page": of_orders.details_page,
    "show_contact_page": of_orders.contact_page,
    "show_pix_page": of_orders.pix_page,
    "OrderConfirmation": of_orders.confirmation_page,
    "show_names_page": of_tickets.names_page,
    "show_tickets": of_tickets.tickets_page,
    "transfer_ticket": of_tickets.transfer_page,
    "show_transfer": of_tickets.accepting_page,
    "transfer_received": of_tickets.onward_page,
    "choose_reminders": of_tickets.reminders_page,
    "choose_holders_reminders": of_tickets.holders_reminders_page,
    "give_back": of_tickets.refund_page,
    "find_tickets": of_tickets.find_page,
    "show_asked": of_tickets.asked_page,
    "show_list": of_tickets.list_page,
}
# Files, answers to scripts, and forms that lead to one of the pages, or show it with a refusal.
NO_PAGES = {
    "show_live", "show_card", "show_status", "read_pix_state", "send_offline_worker",
    "download_pdf", "download_calendar", "download_apple_pass", "save_to_google",
    "download_received_pdf", "download_received_calendar", "download_received_apple_pass",
    "save_received_to_google",
    "pay", "cancel", "reserve_again", "open_order", "withdraw_offer", "withdraw_received_offer",
}  # fmt: skip


def views_of_the_shop() -> set[str]:
    """Return the names of all views below the addresses of the shop."""
    patterns = [
        one
        for each in get_resolver().url_patterns
        if isinstance(each, URLResolver) and not str(each.pattern)
        for one in each.url_patterns
        if isinstance(one, URLPattern)
    ]
    # The page of a confirmation shares the address of the API.
    return {name_of(one) for one in patterns if is_shop_page(_beginning(one))} | {
        "OrderConfirmation"
    }


def _beginning(pattern: URLPattern) -> str:
    return "/" + str(pattern.pattern).removeprefix("^").partition(r"\Z")[0].replace("/?", "")
