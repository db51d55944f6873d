"""One customer and one address hold so many open reservations of an event at most."""

from importlib import import_module

import django.db.models.functions.text
from django.db import migrations, models

WITHOUT_SHARES = import_module("orders.migrations.0004_reserve_by_revision").CREATE

CREATE = """
CREATE FUNCTION reserve_order(
  the_order uuid, the_event uuid, event_number int, known_revision bigint, held_in bigint,
  the_code text, name text, email text, the_language text, token_digest text, the_currency text,
  the_total numeric, the_address text, per_customer int, per_address int,
  ticket_types uuid[], quantities int[], unit_prices numeric[]
) RETURNS TABLE (outcome text, epoch bigint, created_at timestamptz, reserved_until timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE event record; written timestamptz; until timestamptz; open_ones record;
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
  IF per_customer > 0 THEN
    PERFORM pg_advisory_xact_lock(5, hashtext(lower(email) || the_event));
    SELECT count(*) AS many, min(o.reserved_until) AS soonest INTO open_ones FROM orders_order o
      WHERE o.event_id = the_event AND o.status = 'reserved' AND lower(o.customer_email) = lower(email)
        AND o.reserved_until > clock_timestamp();
    IF open_ones.many >= per_customer THEN
      RETURN QUERY SELECT 'customer_has_share', event.epoch, clock_timestamp(), open_ones.soonest;
      RETURN;
    END IF;
  END IF;
  IF per_address > 0 AND the_address <> '' THEN
    PERFORM pg_advisory_xact_lock(6, hashtext(the_address || the_event));
    SELECT count(*) AS many, min(o.reserved_until) AS soonest INTO open_ones FROM orders_order o
      WHERE o.event_id = the_event AND o.status = 'reserved' AND o.address_digest = the_address AND o.address_digest <> ''
        AND o.reserved_until > clock_timestamp();
    IF open_ones.many >= per_address THEN
      RETURN QUERY SELECT 'address_has_share', event.epoch, clock_timestamp(), open_ones.soonest;
      RETURN;
    END IF;
  END IF;
  written := clock_timestamp();
  until := written + event.hold_seconds * interval '1 second';
  INSERT INTO orders_order (
    id, code, event_id, customer_name, customer_email, language, status, currency, total, epoch,
    access_token_digest, address_digest, created_at, reserved_until
  ) VALUES (
    the_order, the_code, the_event, name, email, the_language, 'reserved', the_currency, the_total,
    held_in, token_digest, the_address, written, until
  ) ON CONFLICT (code) DO NOTHING;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'code_taken', event.epoch, NULL::timestamptz, NULL::timestamptz; RETURN;
  END IF;
  INSERT INTO orders_orderitem (order_id, ticket_type_id, quantity, unit_price)
    SELECT the_order, t, q, p FROM unnest(ticket_types, quantities, unit_prices) AS i(t, q, p);
  RETURN QUERY SELECT 'written', event.epoch, written, until;
END $$
"""
FORGET = """
CREATE OR REPLACE FUNCTION note_order_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.modified_at := clock_timestamp();
  IF NEW.status <> 'reserved' THEN NEW.address_digest := ''; END IF;
  RETURN NEW;
END $$
"""
KEEP = """
CREATE OR REPLACE FUNCTION note_order_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.modified_at := clock_timestamp();
  RETURN NEW;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0008_scope_to_sell"),
        ("orders", "0007_announce_orders"),
    ]

    operations = [
        migrations.AddField(
            model_name="order",
            name="address_digest",
            field=models.CharField(db_default="", default="", editable=False, max_length=16),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                django.db.models.functions.text.Lower("customer_email"),
                condition=models.Q(("status", "reserved")),
                name="reservations_of_a_customer",
            ),
        ),
        migrations.AddIndex(
            model_name="order",
            index=models.Index(
                condition=models.Q(
                    ("status", "reserved"), models.Q(("address_digest", ""), _negated=True)
                ),
                fields=["address_digest"],
                name="reservations_of_an_address",
            ),
        ),
        migrations.RunSQL("DROP FUNCTION reserve_order", WITHOUT_SHARES),
        migrations.RunSQL(CREATE, "DROP FUNCTION reserve_order"),
        migrations.RunSQL(FORGET, KEEP),
    ]
