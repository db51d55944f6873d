"""The promo code of an order, and the function that reserves with one."""

import django.db.models.deletion
from django.db import migrations, models

# Validated in a later migration, which does not block the sale.
ADD_KEY = """
ALTER TABLE orders_order ADD CONSTRAINT promo_code_of_an_order FOREIGN KEY (promo_code_id)
  REFERENCES orders_promocode (id) DEFERRABLE INITIALLY DEFERRED NOT VALID
"""
DROP_KEY = "ALTER TABLE orders_order DROP CONSTRAINT promo_code_of_an_order"
# As orders/sql/reserve_with_promo.sql was then.
CREATE = """
CREATE FUNCTION reserve_with_promo(
  the_promo uuid, promo_revision bigint, list_prices numeric[],
  the_order uuid, the_event uuid, event_number int, known_revision bigint, held_in bigint,
  the_code text, name text, email text, the_language text, token_digest text, the_currency text,
  the_total numeric, the_address text, the_network text,
  per_customer int, per_address int, held_per_address int,
  ticket_types uuid[], quantities int[], unit_prices numeric[]
) RETURNS TABLE (outcome text, epoch bigint, created_at timestamptz, reserved_until timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE promo record; written record; uses bigint;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(1, event_number);
  SELECT p.code, p.max_uses INTO promo FROM orders_promocode p
    WHERE p.id = the_promo AND p.revision = promo_revision AND p.event_id = the_event;
  IF promo.max_uses IS NULL THEN
    PERFORM FROM orders_promocode p
      WHERE p.id = the_promo AND p.revision = promo_revision FOR SHARE;
  ELSE
    PERFORM FROM orders_promocode p
      WHERE p.id = the_promo AND p.revision = promo_revision FOR NO KEY UPDATE;
  END IF;
  IF NOT FOUND OR promo.code IS NULL THEN
    RETURN QUERY SELECT 'promo_changed', NULL::bigint, NULL::timestamptz, NULL::timestamptz; RETURN;
  END IF;
  IF promo.max_uses IS NOT NULL THEN
    -- A separate statement, so that it sees what was committed during the wait for the lock.
    uses := (
      SELECT count(*) FROM (
        SELECT FROM orders_order o WHERE o.promo_code_id = the_promo
          AND o.status IN ('reserved', 'processing', 'paid') LIMIT promo.max_uses
      ) AS u
    );
    IF uses >= promo.max_uses THEN
      RETURN QUERY SELECT 'promo_used_up', NULL::bigint, NULL::timestamptz, NULL::timestamptz;
      RETURN;
    END IF;
  END IF;
  SELECT * INTO written FROM reserve_order(
    the_order, the_event, event_number, known_revision, held_in, the_code, name, email,
    the_language, token_digest, the_currency, the_total, the_address, the_network, per_customer,
    per_address, held_per_address, ticket_types, quantities, unit_prices);
  IF written.outcome = 'written' THEN
    UPDATE orders_order o SET promo_code_id = the_promo, promo_text = promo.code
      WHERE o.id = the_order;
    UPDATE orders_orderitem i SET list_price = l.price
      FROM unnest(ticket_types, list_prices) AS l(ticket_type, price)
      WHERE i.order_id = the_order AND i.ticket_type_id = l.ticket_type;
  END IF;
  RETURN QUERY SELECT
    written.outcome, written.epoch, written.created_at, written.reserved_until;
END $$;
"""
DROP = "DROP FUNCTION reserve_with_promo"


class Migration(migrations.Migration):
    dependencies = [('orders', '0025_promo_codes')]

    operations = [
        migrations.AddField(
            model_name='order',
            name='promo_text',
            field=models.CharField(db_default='', default='', max_length=32, verbose_name='promo code'),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.AddField(
                    model_name='order',
                    name='promo_code',
                    field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='orders.promocode', verbose_name='promo code'),
                ),
                migrations.RunSQL(ADD_KEY, DROP_KEY),
            ],
            state_operations=[
                migrations.AddField(
                    model_name='order',
                    name='promo_code',
                    field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='orders.promocode', verbose_name='promo code'),
                ),
            ],
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
