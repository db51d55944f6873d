"""A number that tells whether an event has changed in any way that a buyer could notice."""

from django.db import migrations, models

CREATE = """
CREATE FUNCTION count_event_revision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE unseen CONSTANT text[] := ARRAY['epoch', 'revision', 'wound_up_at'];
BEGIN
  IF to_jsonb(NEW) - unseen IS DISTINCT FROM to_jsonb(OLD) - unseen THEN
    NEW.revision := OLD.revision + 1;
  ELSE
    NEW.revision := greatest(NEW.revision, OLD.revision);
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER count_event_revision BEFORE UPDATE ON events_event
  FOR EACH ROW EXECUTE FUNCTION count_event_revision();

CREATE FUNCTION count_revision_of_types() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE unseen CONSTANT text[] := ARRAY['promised', 'sold'];
BEGIN
  IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - unseen IS NOT DISTINCT FROM to_jsonb(OLD) - unseen THEN
    RETURN NULL;
  END IF;
  UPDATE events_event SET revision = revision + 1
    WHERE id = CASE TG_OP WHEN 'DELETE' THEN OLD.event_id ELSE NEW.event_id END;
  RETURN NULL;
END $$;
CREATE TRIGGER count_revision_of_types AFTER INSERT OR UPDATE OR DELETE ON events_tickettype
  FOR EACH ROW EXECUTE FUNCTION count_revision_of_types();
"""
DROP = """
DROP TRIGGER count_revision_of_types ON events_tickettype;
DROP FUNCTION count_revision_of_types;
DROP TRIGGER count_event_revision ON events_event;
DROP FUNCTION count_event_revision;
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]

    operations = [
        migrations.AddField(
            "event",
            "revision",
            models.BigIntegerField(db_default=1, editable=False),
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
