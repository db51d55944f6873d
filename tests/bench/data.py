"""Fills the database for the measurements, with up to a million tickets."""

from collections.abc import Iterator
from datetime import timedelta
from hashlib import md5
from itertools import count as count_from
from typing import Any, Final
from uuid import UUID

from django.db import connection

from events.models import Event, EventStatus, Organizer, TicketType
from events.organizing import create_event
from events.stock.rebuild import rebuild_stock
from tests.make import SOMEBODY
from ticketing import clock
from ticketing.ids import new_id
from ticketing.tokens import TokenKind, make_token
from tickets.codes import CodeSubject, sign_code
from tickets.models import Device, Ticket

_WORDS: Final = 50
# The searches read at most the first page, of 20 events, of each word.
_READ_EVENTS: Final = _WORDS * 20
_PLENTY: Final = 1_000_000
_IN_AN_ORDER: Final = 4
_order_numbers = count_from()
MANY_EVENTS, MANY_ORDERS, MANY_TICKETS = 5_000, 200_000, 1_000_000


def make_organizer() -> Organizer:
    return Organizer.objects.create(name="Casa Azul", email="contato@example.com")


def make_event(organizer: Organizer, *, number: int, capacity: int = _PLENTY) -> Event:
    """Put an event with one ticket type on sale."""
    starts_at = clock.now() + timedelta(days=30)
    return create_event(
        actor=SOMEBODY,
        event=Event(
            organizer=organizer,
            status=EventStatus.PUBLISHED,
            name=f"Noite {number}",
            venue="Circo Voador",
            city="Rio de Janeiro",
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=4),
        ),
        ticket_types=[TicketType(name="Pista", price="45.00", capacity=capacity)],
        now=clock.now(),
    )


def make_event_before_its_sale(organizer: Organizer) -> Event:
    """Make a published event whose sale starts tomorrow."""
    event = make_event(organizer, number=0)
    Event.objects.filter(pk=event.pk).update(sales_start_at=clock.now() + timedelta(days=1))
    return event


def search_words() -> list[str]:
    """Return 50 words. Each is in the names of a fiftieth of the future events."""
    digits = str.maketrans("0123456789", "ghijklmnop")
    return [md5(str(n).encode()).hexdigest()[:9].translate(digits) for n in range(_WORDS)]  # noqa: S324 - not for security


def fill_the_catalogue(organizer: Organizer) -> None:
    """Write 5,000 future events, unless they exist."""
    if Event.objects.filter(slug="coming-1").exists():
        return
    with connection.cursor() as cursor:
        for statement in _FUTURE_EVENTS:
            cursor.execute(
                statement,
                {"organizer": organizer.pk, "events": MANY_EVENTS, "words": search_words()},
            )
        cursor.execute("ANALYZE events_event, events_eventwords, events_tickettype")
    # Publishing would have filled Redis. Only for the events that the loads read.
    first = Event.objects.filter(slug__startswith="coming-").order_by("starts_at", "id")
    for event_id in first.values_list("pk", flat=True)[:_READ_EVENTS]:
        rebuild_stock(event_id=event_id)


_FUTURE_EVENTS: Final = [
    """
    INSERT INTO events_event (id, organizer_id, number, name, slug, description, status, venue,
      address, city, timezone, starts_at, ends_at, max_per_order, hold_seconds, image_url, currency,
      epoch, created_at)
    SELECT gen_random_uuid(), %(organizer)s, nextval('event_number'),
      'Show ' || (%(words)s::text[])[1 + n %% cardinality(%(words)s::text[])],
      'coming-' || n, repeat('Uma noite de música. ', 15), 'published', 'Teatro ' || n %% 90,
      'Rua do Ouvidor, ' || n, 'Recife', 'America/Sao_Paulo', now() + n * interval '1 hour' +
      interval '1 day', now() + n * interval '1 hour' + interval '28 hours', 10, 900, '', 'BRL', 0,
      now()
    FROM generate_series(1, %(events)s) n
    """,
    """
    INSERT INTO events_tickettype (id, event_id, number, name, price, capacity, capacity_version,
      promised, sold)
    SELECT gen_random_uuid(), id, 1, 'Pista', 45, 500, 0, 0, 0 FROM events_event
    WHERE slug LIKE 'coming-%%'
    """,
]


def make_device(event: Event) -> str:
    """Return the token of a new device for an event."""
    token = make_token(TokenKind.DEVICE)
    device = Device.objects.create(
        organizer=event.organizer, name="Scanner", digest=token.digest, hint=token.hint
    )
    device.events.set([event])
    return token.text


def make_codes(event: Event, count: int) -> Iterator[str]:
    """Write paid orders with `count` tickets, four in each. Return their codes."""
    kind = event.ticket_types.get()
    subject = CodeSubject(
        event_id=event.pk,
        event_number=event.number,
        type_number=kind.number,
        valid_from=clock.now(),
        event_ends_at=event.ends_at,
    )
    now = clock.now()
    tickets = []
    for number in range(count):
        position = number % _IN_AN_ORDER
        if position == 0:
            # A scan also counts the other tickets of its order.
            order, item = _write_order(event, _IN_AN_ORDER)
        identity = new_id()
        tickets.append(
            Ticket(
                pk=identity,
                order_id=order,
                order_item_id=item,
                event=event,
                ticket_type=kind,
                position=position + 1,
                code=sign_code(subject, identity),
                holder_name="Ana Souza",
                created_at=now,
            )
        )
    Ticket.objects.bulk_create(tickets, batch_size=2_000)
    return iter([ticket.code for ticket in tickets])


def _write_order(event: Event, quantity: int) -> tuple[UUID, int]:
    kind = event.ticket_types.get()
    order = new_id()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO orders_order (id, code, event_id, customer_name, customer_email, language,
              status, currency, total, epoch, access_token_digest, reserved_until, created_at,
              processing_at, paid_at)
            VALUES (%s, %s, %s, 'Ana Souza', 'ana@example.com', 'pt-br', 'paid', 'BRL', 45, 1, '',
              now(), now(), now(), now())
            """,
            [order, f"N{next(_order_numbers):05X}", event.pk],
        )
        cursor.execute(
            "INSERT INTO orders_orderitem (order_id, ticket_type_id, quantity, unit_price)"
            " VALUES (%s, %s, %s, 45) RETURNING id",
            [order, kind.pk, quantity],
        )
        item = cursor.fetchone()[0]
        cursor.execute(
            "UPDATE events_tickettype SET promised = promised + %s, sold = sold + %s WHERE id = %s",
            [quantity, quantity, kind.pk],
        )
    return order, item


def fill_the_past(organizer: Organizer) -> None:
    """Write a million sold tickets of 200,000 orders and 5,000 events, as after years of sales."""
    fill_sales(organizer, events=MANY_EVENTS, slug="show-")


def fill_sales(organizer: Organizer, *, events: int, slug: str) -> None:
    """Write a million sold tickets of 200,000 orders and so many events, named by `slug`."""
    values: dict[str, Any] = {
        "organizer": organizer.pk,
        "events": events,
        "slug": slug,
        "orders": MANY_ORDERS,
        "each": MANY_TICKETS // MANY_ORDERS,
    }
    with connection.cursor() as cursor:
        for statement in _PAST:
            cursor.execute(statement, values)
        # As autovacuum and checkpoints would have done over the years.
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")


_PAST: Final = [
    "SET statement_timeout = 0",
    """
    CREATE TEMP TABLE past_event AS
    SELECT n, gen_random_uuid() AS id, gen_random_uuid() AS kind
    FROM generate_series(1, %(events)s) n
    """,
    """
    INSERT INTO events_event (id, organizer_id, number, name, slug, description, status, venue,
      address, city, timezone, starts_at, ends_at, max_per_order, hold_seconds, image_url, currency,
      epoch, created_at)
    SELECT id, %(organizer)s, nextval('event_number'), 'Show ' || n, %(slug)s || n, '',
      'published', 'Circo Voador', '', 'Rio de Janeiro', 'America/Sao_Paulo',
      now() + n * interval '1 hour' - interval '100 days',
      now() + n * interval '1 hour' - interval '99 days', 10, 900, '', 'BRL', 1, now()
    FROM past_event
    """,
    """
    INSERT INTO events_tickettype (id, event_id, number, name, price, capacity, promised, sold,
      capacity_version)
    SELECT kind, id, 1, 'Pista', 45, greatest(1000, %(each)s * %(orders)s / %(events)s),
      %(each)s * %(orders)s / %(events)s, %(each)s * %(orders)s / %(events)s, 0
    FROM past_event
    """,
    """
    CREATE TEMP TABLE past_order AS
    SELECT s.n, gen_random_uuid() AS id, e.id AS event, e.kind
    FROM generate_series(1, %(orders)s) AS s (n) JOIN past_event e ON e.n = s.n %% %(events)s + 1
    """,
    """
    INSERT INTO orders_order (id, code, event_id, customer_name, customer_email, language, status,
      currency, total, epoch, access_token_digest, reserved_until, created_at, processing_at,
      paid_at)
    SELECT id, 'P' || lpad(to_hex(n), 6, '0'), event, 'Ana Souza', 'ana' || n || '@example.com',
      'pt-br', 'paid', 'BRL', 45, 1, '', at, at, at, at
    FROM past_order, LATERAL (SELECT now() - n * interval '3 minutes' AS at) moment
    """,
    """
    INSERT INTO orders_orderitem (order_id, ticket_type_id, quantity, unit_price)
    SELECT id, kind, %(each)s, 45 FROM past_order
    """,
    """
    INSERT INTO orders_payment (id, order_id, method, token, amount, currency, status,
      decline_code, created_at, decided_at, asks, ask_again_at)
    SELECT gen_random_uuid(), id, 'card', '', 45, 'BRL', 'approved', '', now(), now(), 0, now()
    FROM past_order
    """,
    """
    INSERT INTO tickets_ticket (id, order_id, order_item_id, event_id, ticket_type_id, position,
      code, holder_name, status, created_at)
    SELECT gen_random_uuid(), o.id, i.id, o.event, o.kind, place, 'T1:' || o.n || ':' || place,
      'Ana Souza', 'valid', now()
    FROM past_order o JOIN orders_orderitem i ON i.order_id = o.id,
      generate_series(1, %(each)s) place
    """,
    """
    INSERT INTO tickets_delivery (order_id, asked_at, codes_stored_at, sent_at, asks, ask_again_at)
    SELECT id, now(), now(), now(), 0, now() FROM past_order
    """,
    "DROP TABLE past_event, past_order",
]
