"""Fills the database with one event that has sold a million tickets, and is entered now."""

from datetime import timedelta
from typing import Final

from django.conf import settings
from django.db import connection
from django.test import Client

from events.models import Event, Organizer
from events.stock.rebuild import rebuild_stock
from orders.sales_summary import summarize_sales
from tests.bench.data import fill_sales
from tests.make import make_user
from ticketing import clock
from tickets.scan_summary import summarize_scans

# The sale took four weeks, and the door opened three hours ago.
_TODAY: Final = [
    """
    UPDATE orders_order SET created_at = at, processing_at = at, paid_at = at
    FROM (
      SELECT id, now() - interval '20 minutes' - row_number() OVER () * interval '12 seconds' AS at
      FROM orders_order WHERE event_id = %(event)s
    ) moment WHERE moment.id = orders_order.id
    """,
    """
    WITH entered AS (
      UPDATE tickets_ticket SET status = 'used', used_at = now() - random() * interval '3 hours'
      WHERE event_id = %(event)s AND position <= 2
      RETURNING id, event_id, used_at, position
    )
    INSERT INTO tickets_scan (id, scan_id, scanned_by, event_id, ticket_id, result, gate, code,
      scanned_at, recorded_at, undone_by)
    SELECT gen_random_uuid(), gen_random_uuid(), 'device:1', event_id, id, 'admitted',
      'Gate ' || position %% 8, '', used_at, used_at, ''
    FROM entered
    """,
    "TRUNCATE orders_salesslot, orders_orderslot, orders_salessummary",
    "TRUNCATE tickets_scanslot, tickets_scansummary",
]


def fill_one_event(organizer: Organizer) -> Event:
    """
    Write an event of today with a million sold tickets of 200,000 orders, and 400,000 entries.

    Return it, with the summaries of its sales and entries as the worker would have written them.
    """
    fill_sales(organizer, events=1, slug="full-")
    event = Event.objects.get(slug="full-1")
    now = clock.now()
    Event.objects.filter(pk=event.pk).update(
        starts_at=now - timedelta(hours=2), ends_at=now + timedelta(hours=5)
    )
    with connection.cursor() as cursor:
        for statement in _TODAY:
            cursor.execute(statement, {"event": event.pk})
        while summarize_sales(now=now):
            pass
        summarize_scans(now=now)
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("CHECKPOINT")
    rebuild_stock(event_id=event.pk)
    event.refresh_from_db()
    return event


def sign_in_as_owner(organizer: Organizer) -> str:
    """Return the header `Cookie` of a new owner's session in the admin."""
    client = Client()
    client.force_login(make_user(organizer=organizer, is_staff=True))
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
