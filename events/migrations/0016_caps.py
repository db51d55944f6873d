"""An event has a limited number of ticket types, and an organizer a limited number of webhooks."""

from django.db import migrations

# The parent's row is locked first: of two that insert at once, the second counts the first's row.
CREATE = """
CREATE FUNCTION cap_ticket_types() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM events_event e WHERE e.id = NEW.event_id FOR NO KEY UPDATE;
  IF (SELECT count(*) FROM events_tickettype k WHERE k.event_id = NEW.event_id) >= 50 THEN
    RAISE EXCEPTION 'An event has 50 ticket types at most.' USING ERRCODE = 'check_violation',
      TABLE = 'events_tickettype', CONSTRAINT = 'fifty_ticket_types_at_most';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER cap_ticket_types BEFORE INSERT ON events_tickettype
  FOR EACH ROW EXECUTE FUNCTION cap_ticket_types();

CREATE FUNCTION cap_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM events_organizer o WHERE o.id = NEW.organizer_id FOR NO KEY UPDATE;
  IF (SELECT count(*) FROM events_webhookendpoint w WHERE w.organizer_id = NEW.organizer_id) >= 16
  THEN
    RAISE EXCEPTION 'An organizer has 16 webhooks at most.' USING ERRCODE = 'check_violation',
      TABLE = 'events_webhookendpoint', CONSTRAINT = 'sixteen_webhooks_at_most';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER cap_webhooks BEFORE INSERT ON events_webhookendpoint
  FOR EACH ROW EXECUTE FUNCTION cap_webhooks();
"""
DROP = """
DROP TRIGGER cap_webhooks ON events_webhookendpoint;
DROP FUNCTION cap_webhooks;
DROP TRIGGER cap_ticket_types ON events_tickettype;
DROP FUNCTION cap_ticket_types;
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0015_webhook_turns")]

    operations = [migrations.RunSQL(CREATE, DROP)]
