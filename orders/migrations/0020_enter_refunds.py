"""Each refund that is recorded is entered in the ledger, whichever release records it."""

from django.db import migrations

# As orders/sql/enter_refund.sql was then.
CREATE = """
CREATE FUNCTION enter_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orders_ledgerentry (organizer_id, event_id, order_id, kind, cause, method, amount,
    currency, at)
  SELECT e.organizer_id, o.event_id, o.id, 'refund', NEW.id, p.method, -NEW.amount, p.currency,
    NEW.created_at
  FROM orders_payment p JOIN orders_order o ON o.id = p.order_id
    JOIN events_event e ON e.id = o.event_id
  WHERE p.id = NEW.payment_id
  ON CONFLICT (cause, kind) DO NOTHING;
  RETURN NULL;
END $$;

CREATE TRIGGER enter_refund AFTER INSERT ON orders_refund
  FOR EACH ROW WHEN (NEW.amount > 0) EXECUTE FUNCTION enter_refund();
"""
DROP = """
DROP TRIGGER enter_refund ON orders_refund;
DROP FUNCTION enter_refund;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0019_enter_charges")]

    operations = [migrations.RunSQL(CREATE, DROP)]
