"""What organizers' own systems are told, written by the database in the transaction of its cause."""

import django.contrib.postgres.fields
import django.db.models.deletion
import events.models
import ticketing.ids
from django.db import migrations, models

# A message for each endpoint that listens. That an event was changed is told once a transaction.
CREATE = """
CREATE FUNCTION announce(the_organizer uuid, kind text, about uuid, content jsonb)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO events_webhookmessage (
    id, endpoint_id, type, subject, data, created_at, attempts, next_attempt_at
  )
  SELECT gen_random_uuid(), w.id, kind, about, content, now(), 0, now()
  FROM events_webhookendpoint w
  WHERE w.organizer_id = the_organizer AND w.disabled_at IS NULL
    AND (w.types = '{}' OR kind = ANY (w.types))
    AND NOT (kind = 'event.updated' AND EXISTS (
      SELECT FROM events_webhookmessage m WHERE m.endpoint_id = w.id AND m.subject = about
        AND m.next_attempt_at IS NOT NULL AND m.type = kind AND m.created_at = now()))
$$;

CREATE FUNCTION describe_event(event events_event) RETURNS jsonb LANGUAGE sql STABLE AS $$
  SELECT jsonb_build_object('id', event.id, 'slug', event.slug, 'name', event.name)
$$;

CREATE FUNCTION announce_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE kind text;
BEGIN
  IF NEW.status <> OLD.status THEN kind := 'event.' || NEW.status;
  ELSIF NEW.revision <> OLD.revision AND NEW.status = 'published' THEN kind := 'event.updated';
  ELSE RETURN NULL;
  END IF;
  PERFORM announce(NEW.organizer_id, kind, NEW.id,
    describe_event(NEW) || jsonb_build_object('status', NEW.status));
  RETURN NULL;
END $$;
CREATE TRIGGER announce_event AFTER UPDATE ON events_event
  FOR EACH ROW EXECUTE FUNCTION announce_event();

-- Two sales that each take the last of a type: the second sees what the first has sold.
CREATE FUNCTION announce_sold_out() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE event events_event;
BEGIN
  SELECT * INTO event FROM events_event e WHERE e.id = NEW.event_id;
  PERFORM pg_advisory_xact_lock(3, event.number);
  IF NOT EXISTS (
    SELECT FROM events_tickettype k WHERE k.event_id = NEW.event_id AND k.sold < k.capacity
  ) THEN
    PERFORM announce(event.organizer_id, 'event.sold_out', event.id,
      describe_event(event) || jsonb_build_object('status', event.status));
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER announce_sold_out AFTER UPDATE OF sold ON events_tickettype
  FOR EACH ROW WHEN (NEW.sold > OLD.sold AND NEW.sold >= NEW.capacity)
  EXECUTE FUNCTION announce_sold_out();
"""
DROP = """
DROP TRIGGER announce_sold_out ON events_tickettype;
DROP FUNCTION announce_sold_out;
DROP TRIGGER announce_event ON events_event;
DROP FUNCTION announce_event;
DROP FUNCTION describe_event;
DROP FUNCTION announce;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0005_scopes'),
    ]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE webhook_position", "DROP SEQUENCE webhook_position"),
        migrations.CreateModel(
            name='WebhookEndpoint',
            fields=[
                ('id', models.UUIDField(default=ticketing.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('url', models.URLField(max_length=500, verbose_name='address')),
                ('types', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('order.reserved', 'order reserved'), ('order.paid', 'order paid'), ('order.payment_failed', 'payment failed'), ('order.expired', 'reservation expired'), ('order.cancelled', 'reservation cancelled'), ('order.refunded', 'order refunded'), ('ticket.issued', 'ticket issued'), ('ticket.admitted', 'ticket admitted'), ('ticket.revoked', 'ticket revoked'), ('event.published', 'event published'), ('event.updated', 'event changed'), ('event.cancelled', 'event cancelled'), ('event.sold_out', 'event sold out')], max_length=30), blank=True, default=list, help_text='None means all of them, also those to come.', size=None, verbose_name='tells of')),
                ('secret_version', models.PositiveIntegerField(default=1, editable=False)),
                ('rotated_at', models.DateTimeField(editable=False, null=True, verbose_name='secret renewed at')),
                ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created at')),
                ('disabled_at', models.DateTimeField(editable=False, null=True, verbose_name='switched off at')),
                ('leased_until', models.DateTimeField(editable=False, null=True)),
                ('organizer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to='events.organizer', verbose_name='organizer')),
            ],
            options={
                'verbose_name': 'webhook',
                'verbose_name_plural': 'webhooks',
                'ordering': ['url', 'id'],
            },
        ),
        migrations.CreateModel(
            name='WebhookMessage',
            fields=[
                ('id', models.UUIDField(default=ticketing.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('position', models.BigIntegerField(db_default=events.models.NextNumber(models.Value('webhook_position')), editable=False)),
                ('type', models.CharField(max_length=30, verbose_name='type')),
                ('subject', models.UUIDField(verbose_name='about')),
                ('data', models.JSONField(verbose_name='content')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='attempts')),
                ('next_attempt_at', models.DateTimeField(null=True, verbose_name='next attempt at')),
                ('delivered_at', models.DateTimeField(null=True, verbose_name='delivered at')),
                ('endpoint', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='events.webhookendpoint', verbose_name='webhook')),
            ],
            options={
                'verbose_name': 'webhook message',
                'verbose_name_plural': 'webhook messages',
                'ordering': ['-position'],
            },
        ),
        migrations.CreateModel(
            name='WebhookAttempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('milliseconds', models.PositiveIntegerField(verbose_name='milliseconds')),
                ('status', models.PositiveSmallIntegerField(null=True, verbose_name='status')),
                ('answer', models.TextField(blank=True, verbose_name='answer')),
                ('error', models.CharField(blank=True, max_length=300, verbose_name='error')),
                ('message', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tries', to='events.webhookmessage', verbose_name='webhook message')),
            ],
            options={
                'verbose_name': 'attempt',
                'verbose_name_plural': 'attempts',
                'ordering': ['at', 'pk'],
            },
        ),
        migrations.AddIndex(
            model_name='webhookmessage',
            index=models.Index(condition=models.Q(('next_attempt_at__isnull', False)), fields=['endpoint', 'subject', 'position'], name='webhooks_that_wait'),
        ),
        migrations.AddIndex(
            model_name='webhookmessage',
            index=models.Index(condition=models.Q(('next_attempt_at__isnull', False)), fields=['endpoint', 'next_attempt_at'], name='webhooks_that_are_due'),
        ),
        migrations.AddIndex(
            model_name='webhookmessage',
            index=models.Index(fields=['endpoint', '-position'], name='webhooks_of_an_endpoint'),
        ),
        migrations.AddIndex(
            model_name='webhookmessage',
            index=models.Index(fields=['created_at'], name='webhooks_by_age'),
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
