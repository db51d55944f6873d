"""An order is written by the event as it is: who has read an older revision reads again."""

from importlib import import_module

from django.db import migrations

BY_EPOCH = import_module("orders.migrations.0002_reserve_order").CREATE

CREATE = """
CREATE FUNCTION reserve_order(
  the_order uuid, the_event uuid, event_number int, known_revision bigint, held_in bigint,
  the_code text, name text, email text, the_language text, token_digest text, the_currency text,
  the_total numeric,
  ticket_types uuid[], quantities int[], unit_prices numeric[]
) RETURNS TABLE (outcome text, epoch bigint, created_at timestamptz, reserved_until timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE event record; written timestamptz; until timestamptz;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(1, event_number);
  SELECT e.status, e.epoch, e.revision, e.hold_seconds INTO event
    FROM events_event e WHERE e.id = the_event;
  IF event.status IS DISTINCT FROM 'published' THEN
    RETURN QUERY SELECT 'closed', event.epoch, NULL::timestamptz, NULL::timestamptz; RETURN;
  END IF;
  IF event.revision <> known_revision THEN
    RETURN QUERY SELECT 'changed', event.epoch, NULL::timestamptz, NULL::timestamptz; RETURN;
  END IF;
  IF event.epoch IS DISTINCT FROM held_in THEN
    RETURN QUERY SELECT 'stale', event.epoch, NULL::timestamptz, NULL::timestamptz; RETURN;
  END IF;
  IF EXISTS (SELECT FROM orders_droppedhold d WHERE d.order_id = the_order) THEN
    RETURN QUERY SELECT 'dropped', event.epoch, NULL::timestamptz, NULL::timestamptz; RETURN;
  END IF;
  written := clock_timestamp();
  until := written + event.hold_seconds * interval '1 second';
  INSERT INTO orders_order (
    id, code, event_id, customer_name, customer_email, language, status, currency, total, epoch,
    access_token_digest, created_at, reserved_until
  ) VALUES (
    the_order, the_code, the_event, name, email, the_language, 'reserved', the_currency, the_total,
    held_in, token_digest, written, until
  ) ON CONFLICT (code) DO NOTHING;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'code_taken', event.epoch, NULL::timestamptz, NULL::timestamptz; RETURN;
  END IF;
  INSERT INTO orders_orderitem (order_id, ticket_type_id, quantity, unit_price)
    SELECT the_order, t, q, p FROM unnest(ticket_types, quantities, unit_prices) AS i(t, q, p);
  RETURN QUERY SELECT 'written', event.epoch, written, until;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0003_owed_refunds"),
        ("events", "0002_event_revision"),
    ]

    operations = [
        migrations.RunSQL("DROP FUNCTION reserve_order", BY_EPOCH),
        migrations.RunSQL(CREATE, "DROP FUNCTION reserve_order"),
    ]
