"""Each event's words, stored as they are searched, and kept by the database itself."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
from django.db import migrations, models

# Whoever writes an event, this release, the one before, or a person by hand, writes its words.
CREATE = """
CREATE FUNCTION keep_event_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM events_eventwords WHERE event_id = OLD.id;
    RETURN NULL;
  END IF;
  INSERT INTO events_eventwords (event_id, words)
    VALUES (NEW.id, event_words(NEW.name, NEW.venue, NEW.city, NEW.description))
    ON CONFLICT (event_id) DO UPDATE SET words = excluded.words;
  RETURN NULL;
END $$;
CREATE TRIGGER keep_event_words AFTER INSERT OR DELETE ON events_event
  FOR EACH ROW EXECUTE FUNCTION keep_event_words();
CREATE TRIGGER keep_changed_event_words AFTER UPDATE ON events_event FOR EACH ROW
  WHEN ((OLD.name, OLD.venue, OLD.city, OLD.description)
    IS DISTINCT FROM (NEW.name, NEW.venue, NEW.city, NEW.description))
  EXECUTE FUNCTION keep_event_words();
"""
DROP = """
DROP TRIGGER keep_changed_event_words ON events_event;
DROP TRIGGER keep_event_words ON events_event;
DROP FUNCTION keep_event_words;
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0017_external_ids")]

    operations = [
        migrations.CreateModel(
            name="EventWords",
            fields=[
                (
                    "event",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="search",
                        serialize=False,
                        to="events.event",
                    ),
                ),
                ("words", django.contrib.postgres.search.SearchVectorField()),
            ],
            options={
                "verbose_name": "words of an event",
                "verbose_name_plural": "words of events",
                "indexes": [
                    # Empty still: there is nothing to build, and so nothing to build concurrently.
                    django.contrib.postgres.indexes.GinIndex(
                        fastupdate=False, fields=["words"], name="words_of_events"
                    ),
                ],
            },
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
