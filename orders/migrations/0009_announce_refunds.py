"""Each refund is told, also one of a part; and every message of an order says what is refunded."""

from importlib import import_module

from django.db import migrations

earlier = import_module("orders.migrations.0007_announce_orders")

CREATE = """
CREATE FUNCTION tell_of_order(the_order orders_order, kind text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE event events_event; refunded numeric(12, 2);
BEGIN
  IF NOT EXISTS (SELECT FROM events_webhookendpoint) THEN RETURN; END IF;
  SELECT * INTO event FROM events_event e WHERE e.id = the_order.event_id;
  SELECT coalesce(sum(r.amount), 0) INTO refunded FROM orders_refund r
    JOIN orders_payment p ON p.id = r.payment_id WHERE p.order_id = the_order.id;
  PERFORM announce(event.organizer_id, kind, the_order.id, jsonb_build_object(
    'id', the_order.id, 'code', the_order.code, 'status', the_order.status,
    'event', describe_event(event), 'currency', the_order.currency,
    'total', the_order.total::text, 'refunded', refunded::text,
    'reserved_until', the_order.reserved_until, 'created_at', the_order.created_at,
    'paid_at', the_order.paid_at, 'closed_at', the_order.closed_at));
END $$;

CREATE FUNCTION announce_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM tell_of_order(NEW, 'order.' || NEW.status);
  RETURN NULL;
END $$;
CREATE TRIGGER announce_new_order AFTER INSERT ON orders_order
  FOR EACH ROW WHEN (NEW.status = 'reserved') EXECUTE FUNCTION announce_order();
CREATE TRIGGER announce_moved_order AFTER UPDATE OF status ON orders_order
  FOR EACH ROW WHEN (NEW.status <> OLD.status AND NEW.status NOT IN ('processing', 'refunded'))
  EXECUTE FUNCTION announce_order();

CREATE FUNCTION announce_refund() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE refunded orders_order;
BEGIN
  SELECT o.* INTO refunded FROM orders_order o JOIN orders_payment p ON p.order_id = o.id
    WHERE p.id = NEW.payment_id;
  PERFORM tell_of_order(refunded, 'order.refunded');
  RETURN NULL;
END $$;
CREATE TRIGGER announce_refund AFTER INSERT ON orders_refund
  FOR EACH ROW EXECUTE FUNCTION announce_refund();
"""
DROP = """
DROP TRIGGER announce_refund ON orders_refund;
DROP FUNCTION announce_refund;
DROP TRIGGER announce_moved_order ON orders_order;
DROP TRIGGER announce_new_order ON orders_order;
DROP FUNCTION announce_order;
DROP FUNCTION tell_of_order;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0008_shares_of_reservations")]

    operations = [
        migrations.RunSQL(earlier.DROP, earlier.CREATE),
        migrations.RunSQL(CREATE, DROP),
    ]
