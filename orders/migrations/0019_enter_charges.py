"""Each payment that is approved is entered in the ledger, whichever release approves it."""

from django.db import migrations

# As orders/sql/enter_charge.sql was then.
CREATE = """
CREATE FUNCTION enter_charge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orders_ledgerentry (organizer_id, event_id, order_id, kind, cause, method, amount,
    currency, at)
  SELECT e.organizer_id, o.event_id, o.id, 'charge', NEW.id, NEW.method, NEW.amount, NEW.currency,
    coalesce(NEW.decided_at, NEW.created_at)
  FROM orders_order o JOIN events_event e ON e.id = o.event_id WHERE o.id = NEW.order_id
  ON CONFLICT (cause, kind) DO NOTHING;
  RETURN NULL;
END $$;

CREATE TRIGGER enter_charge AFTER INSERT OR UPDATE OF status ON orders_payment
  FOR EACH ROW WHEN (NEW.status = 'approved' AND NEW.amount > 0)
  EXECUTE FUNCTION enter_charge();
"""
DROP = """
DROP TRIGGER enter_charge ON orders_payment;
DROP FUNCTION enter_charge;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0018_ledger")]

    operations = [migrations.RunSQL(CREATE, DROP)]
