"""Writes thousands of rows, as after months of sales, into tables of the previous release."""

import psycopg

EVENTS, ORDERS, EACH = 50, 3000, 2

_STATEMENTS = [
    """
    CREATE TEMP TABLE past_event AS
    SELECT n, gen_random_uuid() AS id, gen_random_uuid() AS kind
    FROM generate_series(1, %(events)s) n
    """,
    """
    INSERT INTO events_event (id, organizer_id, number, name, slug, description, status, venue,
      address, city, timezone, starts_at, ends_at, max_per_order, hold_seconds, image_url, currency,
      epoch, created_at)
    SELECT id, (SELECT id FROM events_organizer LIMIT 1), nextval('event_number'), 'Show ' || n,
      'past-show-' || n, '', 'published', 'Circo Voador', '', 'Rio de Janeiro', 'America/Sao_Paulo',
      now() + n * interval '1 day', now() + n * interval '1 day' + interval '3 hours',
      10, 900, '', 'BRL', 1, now()
    FROM past_event
    """,
    """
    INSERT INTO events_tickettype (id, event_id, number, name, price, capacity, promised, sold,
      capacity_version)
    SELECT kind, id, 1, 'Pista', 45, 1000, %(each)s * %(orders)s / %(events)s,
      %(each)s * %(orders)s / %(events)s, 0
    FROM past_event
    """,
    """
    CREATE TEMP TABLE past_order AS
    SELECT s.n, gen_random_uuid() AS id, gen_random_uuid() AS payment, e.id AS event, e.kind,
      now() - s.n * interval '3 minutes' AS at
    FROM generate_series(1, %(orders)s) AS s (n) JOIN past_event e ON e.n = s.n %% %(events)s + 1
    """,
    """
    INSERT INTO orders_order (id, code, event_id, customer_name, customer_email, language, status,
      currency, total, epoch, access_token_digest, reserved_until, created_at, processing_at,
      paid_at)
    SELECT id, 'P' || lpad(to_hex(n), 6, '0'), event, 'Ana Souza', 'ana' || n || '@example.com',
      'pt-br', 'paid', 'BRL', 45 * %(each)s, 1, '', at, at, at, at
    FROM past_order
    """,
    """
    INSERT INTO orders_orderitem (order_id, ticket_type_id, quantity, unit_price)
    SELECT id, kind, %(each)s, 45 FROM past_order
    """,
    """
    INSERT INTO orders_payment (id, order_id, method, token, amount, currency, status,
      decline_code, created_at, decided_at, asks, ask_again_at)
    SELECT payment, id, 'card', '', 45 * %(each)s, 'BRL', 'approved', '', at, at, 0, at
    FROM past_order
    """,
    """
    INSERT INTO orders_simulatedcharge (payment_id, attempts, charged_at)
    SELECT payment, 1, at FROM past_order
    """,
    """
    INSERT INTO tickets_ticket (id, order_id, order_item_id, event_id, ticket_type_id, position,
      code, holder_name, status, created_at, used_at)
    SELECT gen_random_uuid(), o.id, i.id, o.event, o.kind, place, 'T1:' || o.n || ':' || place,
      'Ana Souza', CASE place WHEN 1 THEN 'used' ELSE 'valid' END, at,
      CASE place WHEN 1 THEN at END
    FROM past_order o JOIN orders_orderitem i ON i.order_id = o.id,
      generate_series(1, %(each)s) AS place
    """,
    """
    INSERT INTO tickets_scan (id, scan_id, scanned_by, event_id, ticket_id, result, gate, code,
      scanned_at, recorded_at)
    SELECT gen_random_uuid(), gen_random_uuid(), 'past', t.event_id, t.id, 'admitted', 'Main',
      t.code, t.used_at, t.used_at
    FROM tickets_ticket t WHERE t.status = 'used'
    """,
    """
    INSERT INTO tickets_delivery (order_id, asked_at, codes_stored_at, sent_at, asks, ask_again_at)
    SELECT id, at, at, at, 0, at FROM past_order
    """,
]


def write_the_past(record: psycopg.Connection) -> None:
    """Write all rows in one transaction."""
    with record.transaction():
        for statement in _STATEMENTS:
            record.execute(statement, {"events": EVENTS, "orders": ORDERS, "each": EACH})
