"""What happens to an order is told to its organizer's own systems."""

from django.db import migrations

CREATE = """
CREATE FUNCTION announce_order() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE event events_event;
BEGIN
  IF NOT EXISTS (SELECT FROM events_webhookendpoint) THEN RETURN NULL; END IF;
  SELECT * INTO event FROM events_event e WHERE e.id = NEW.event_id;
  PERFORM announce(event.organizer_id, 'order.' || NEW.status, NEW.id, jsonb_build_object(
    'id', NEW.id, 'code', NEW.code, 'status', NEW.status, 'event', describe_event(event),
    'currency', NEW.currency, 'total', NEW.total::text, 'reserved_until', NEW.reserved_until,
    'created_at', NEW.created_at, 'paid_at', NEW.paid_at, 'closed_at', NEW.closed_at));
  RETURN NULL;
END $$;
CREATE TRIGGER announce_new_order AFTER INSERT ON orders_order
  FOR EACH ROW WHEN (NEW.status = 'reserved') EXECUTE FUNCTION announce_order();
CREATE TRIGGER announce_moved_order AFTER UPDATE OF status ON orders_order
  FOR EACH ROW WHEN (NEW.status <> OLD.status AND NEW.status <> 'processing')
  EXECUTE FUNCTION announce_order();
"""
DROP = """
DROP TRIGGER announce_moved_order ON orders_order;
DROP TRIGGER announce_new_order ON orders_order;
DROP FUNCTION announce_order;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0006_partial_refunds"),
        ("events", "0006_webhooks"),
    ]

    operations = [migrations.RunSQL(CREATE, DROP)]
