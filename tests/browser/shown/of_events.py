"""The public pages: the catalogue, an event and its frame, terms, and refusals."""

from collections.abc import Iterator
from datetime import timedelta

from django.core.exceptions import SuspiciousOperation
from django.test import Client, RequestFactory

from events.event_cache import clear_event_cache
from events.listing import clear_page_cache
from events.models import ChangeForBuyers, Event, Organizer
from events.organizing import cancel_event
from events.pages.live import clear_live_events
from events.pages.live_catalogue import clear_live_catalogue
from events.terms import Texts, save_terms
from orders.models import Order
from orders.payment import confirm_payment
from tests.browser.shown.page import Shown, browser, get, post
from tests.make import SOMEBODY, make_event, make_promo_code, make_reserved_order, make_ticket_type
from tests.pages.test_shop_choosing import filled
from ticketing import clock
from ticketing.api.failures import bad_request, server_error
from ticketing.pages.refused import show_refused
from tickets.settlement import settle_order

_SITE = "https://www.casaazul.example"
_MEGABYTES = 3_000_000


def catalogue() -> Iterator[Shown]:
    yield get("nothing on sale", "/")
    make_event(name="Festival de Inverno", price="80.00")
    make_event(name="Oficina de percussão", price="0.00")
    gone = make_event(name="Samba da Madrugada", capacity=1)
    make_reserved_order(ticket_type=gone.ticket_types.get())
    make_event(name="Forró do Mercado", sales_start_at=clock.now() + timedelta(days=2))
    _forget_pages()
    yield get("events", "/")
    yield get("events found", "/?q=festival&since=2020-01-01")
    yield get("nothing found", "/?q=nichts")
    yield get("a wrong date", "/?since=amanhã")


def event_page() -> Iterator[Shown]:
    event = make_event(
        price="80.00",
        description="Uma noite de música.\n\nDoors open at 19:00.",
        max_per_order=4,
        address="Rua dos Arcos, s/n",
    )
    make_ticket_type(event=event, name="Meia-entrada para estudantes e idosos", price="40.00")
    make_promo_code(event=event, code="AMIGOS")
    page = f"/e/{event.slug}"
    yield get("on sale", page)
    yield get("promo code", f"{page}?code=AMIGOS")
    yield get("wrong promo code", f"{page}?code=NADA")
    yield post("mistakes", page, filled(event, 0) | {"email": "ana@", "name": ""})
    yield post("too many", page, filled(event, 9))
    buyer = browser()
    buyer.post(page, filled(event, 2))
    yield get("tickets on hold", page, buyer)
    buyer.post(page, filled(event, 1, form_key="of another hold"))
    bought = Order.objects.latest("created_at")
    confirm_payment(order=bought, method="card", token="tok_approved", now=clock.now())
    settle_order(order_id=bought.pk, now=clock.now())
    buyer.post(page, filled(event, 1, form_key="of a third hold"))
    yield get("two holds and an order", page, buyer)
    moved = make_event()
    _reschedule(moved)
    yield get("new date", f"/e/{moved.slug}")
    proving = make_event(requires_proof_of_work=True)
    yield get("proof of work", f"/e/{proving.slug}")
    yield post("no proof of work", f"/e/{proving.slug}", filled(proving))
    for state, each in _events_without_tickets():
        yield get(state, f"/e/{each.slug}")


def frame() -> Iterator[Shown]:
    shown = make_event()
    make_ticket_type(event=shown, name="Meia-entrada", price="0.00")
    for state, each in [("on sale", shown), *_events_without_tickets()]:
        _allow(each)
        yield get(state, f"/e/{each.slug}/embedded")
    yield get("dark", f"/e/{shown.slug}/embedded?theme=dark&host={_SITE}")


def terms() -> Iterator[Shown]:
    organizer = make_event().organizer
    Organizer.objects.filter(pk=organizer.pk).update(slug="casa-azul")
    for sale in ("Sem troca.", "Troca até sete dias."):
        texts = Texts(
            sale_pt=sale, sale_en="No exchange.", privacy_pt="https://casaazul.example/dados"
        )
        save_terms(
            organizer_id=organizer.pk,
            texts=texts,
            is_required=False,
            actor=SOMEBODY,
            now=clock.now(),
        )
    yield get("in force", "/terms/casa-azul")
    yield get("an older version", "/terms/casa-azul/1")


def refusals() -> Iterator[Shown]:
    """Yield what is shown instead of a page."""
    yield get("unknown event", "/e/nada")
    forged = Client(enforce_csrf_checks=True, headers={"accept-language": "pt-BR"})
    yield post("a forged form", "/find", {}, forged)
    yield post("too large", "/find", {"email": "x" * _MEGABYTES})
    request = RequestFactory().get("/find", headers={"accept-language": "pt-BR"})
    yield Shown("malformed", browser(), "/find", bad_request(request, SuspiciousOperation()))
    yield Shown("an error", browser(), "/find", server_error(request))
    yield Shown("too many", browser(), "/find", show_refused(request, 429, seconds=90))


def _events_without_tickets() -> Iterator[tuple[str, Event]]:
    now = clock.now()
    sold_out = make_event(capacity=1)
    make_reserved_order(ticket_type=sold_out.ticket_types.get())
    yield "sold out", sold_out
    yield "not yet on sale", make_event(sales_start_at=now + timedelta(days=1))
    yield "no longer on sale", make_event(sales_end_at=now - timedelta(seconds=1))
    cancelled = make_event()
    cancel_event(event_id=cancelled.pk, note="O artista adoeceu.", actor=SOMEBODY, now=now)
    yield "cancelled", cancelled
    over = make_event()
    Event.objects.filter(pk=over.pk).update(
        starts_at=now - timedelta(days=2), ends_at=now - timedelta(days=1)
    )
    yield "over", over


def _reschedule(event: Event) -> None:
    before = {"starts_at": (event.starts_at - timedelta(days=7)).isoformat()}
    now = clock.now()
    ChangeForBuyers.objects.create(event=event, changed_at=now, before=before, ask_again_at=now)


def _allow(event: Event) -> None:
    """Let the organizer's site show the event in a frame."""
    Organizer.objects.filter(pk=event.organizer_id).update(embedding_origins=[_SITE])
    clear_event_cache()
    clear_live_events()


def _forget_pages() -> None:
    clear_page_cache()
    clear_live_catalogue()
