"""That an event is sold out is told at the end of its sale: no two sales wait for each other then."""

import django.core.validators
from django.db import migrations, models

# Once a transaction, whatever it sold out or changed first.
TELL_ONCE = """
CREATE OR REPLACE FUNCTION announce(the_organizer uuid, kind text, about uuid, content jsonb)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO events_webhookmessage (
    id, endpoint_id, type, subject, data, created_at, attempts, next_attempt_at
  )
  SELECT gen_random_uuid(), w.id, kind, about, content, now(), 0, now()
  FROM events_webhookendpoint w
  WHERE w.organizer_id = the_organizer AND w.disabled_at IS NULL
    AND (w.types = '{}' OR kind = ANY (w.types))
    AND NOT (kind IN ('event.updated', 'event.sold_out') AND EXISTS (
      SELECT FROM events_webhookmessage m WHERE m.endpoint_id = w.id AND m.subject = about
        AND m.next_attempt_at IS NOT NULL AND m.type = kind AND m.created_at = now()))
$$;
"""
TELL_UPDATES_ONCE = TELL_ONCE.replace("IN ('event.updated', 'event.sold_out')", "= 'event.updated'")
# Its lock comes after those of the rows: each sale has all of these when it asks for it.
AT_THE_END = """
DROP TRIGGER announce_sold_out ON events_tickettype;
CREATE CONSTRAINT TRIGGER announce_sold_out AFTER UPDATE OF sold ON events_tickettype
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.sold > OLD.sold AND NEW.sold >= NEW.capacity)
  EXECUTE FUNCTION announce_sold_out();
"""
AT_ONCE = """
DROP TRIGGER announce_sold_out ON events_tickettype;
CREATE TRIGGER announce_sold_out AFTER UPDATE OF sold ON events_tickettype
  FOR EACH ROW WHEN (NEW.sold > OLD.sold AND NEW.sold >= NEW.capacity)
  EXECUTE FUNCTION announce_sold_out();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0009_moments_of_this_age'),
    ]

    operations = [
        migrations.AlterField(
            model_name='event',
            name='slug',
            field=models.SlugField(help_text='Lowercase letters, digits and hyphens.', max_length=80, unique=True, validators=[django.core.validators.RegexValidator('^[a-z0-9]+(?:-[a-z0-9]+)*\\Z', 'Use a-z, 0-9 and single hyphens.'), django.core.validators.RegexValidator('^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\\Z', 'This looks like an id. Use words.', inverse_match=True)], verbose_name='address on the site'),
        ),
        migrations.RunSQL(TELL_ONCE, TELL_UPDATES_ONCE),
        migrations.RunSQL(AT_THE_END, AT_ONCE),
    ]
