"""The tables of webhooks as the app `events` has made them: nothing happens in the database."""

import django.contrib.postgres.fields
import django.db.models.deletion
import events.models
import ticketing.ids
import tickets.webhooks.models
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('contenttypes', '0002_remove_content_type_name'),
        ('events', '0021_webhooks_leave'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name='WebhookEndpoint',
                    fields=[
                        ('id', models.UUIDField(default=ticketing.ids.new_id, editable=False, primary_key=True, serialize=False)),
                        ('url', models.URLField(max_length=500, verbose_name='address')),
                        ('types', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('order.reserved', 'order reserved'), ('order.paid', 'order paid'), ('order.payment_failed', 'payment failed'), ('order.expired', 'reservation expired'), ('order.cancelled', 'reservation cancelled'), ('order.refunded', 'order refunded'), ('ticket.issued', 'ticket issued'), ('ticket.admitted', 'ticket admitted'), ('ticket.checkin_undone', 'check-in undone'), ('ticket.revoked', 'ticket revoked'), ('event.published', 'event published'), ('event.updated', 'event changed'), ('event.cancelled', 'event cancelled'), ('event.sold_out', 'event sold out')], max_length=30), blank=True, default=list, help_text='None means all of them, also those to come.', size=None, verbose_name='tells of')),
                        ('secret_version', models.PositiveIntegerField(default=1, editable=False)),
                        ('secret_key_id', models.PositiveSmallIntegerField(db_default=0, default=tickets.webhooks.models.newest_webhook_key, editable=False)),
                        ('previous_key_id', models.PositiveSmallIntegerField(editable=False, null=True)),
                        ('rotated_at', models.DateTimeField(editable=False, null=True, verbose_name='secret renewed at')),
                        ('created_at', models.DateTimeField(auto_now_add=True, verbose_name='created at')),
                        ('disabled_at', models.DateTimeField(editable=False, null=True, verbose_name='switched off at')),
                        ('leased_until', models.DateTimeField(editable=False, null=True)),
                        ('turn_until', models.DateTimeField(editable=False, null=True)),
                        ('rests_until', models.DateTimeField(editable=False, null=True)),
                        ('asks', models.PositiveSmallIntegerField(db_default=0, default=0, editable=False)),
                        ('organizer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhooks', to='events.organizer', verbose_name='organizer')),
                    ],
                    options={
                        'verbose_name': 'webhook',
                        'verbose_name_plural': 'webhooks',
                        'db_table': 'events_webhookendpoint',
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
                        ('endpoint', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to='webhooks.webhookendpoint', verbose_name='webhook')),
                    ],
                    options={
                        'verbose_name': 'webhook message',
                        'verbose_name_plural': 'webhook messages',
                        'db_table': 'events_webhookmessage',
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
                        ('message', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='tries', to='webhooks.webhookmessage', verbose_name='webhook message')),
                    ],
                    options={
                        'verbose_name': 'attempt',
                        'verbose_name_plural': 'attempts',
                        'db_table': 'events_webhookattempt',
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
            ],
        ),
        # The history in the admin goes on: it names models by these rows.
        migrations.RunSQL(
            """
            UPDATE django_content_type SET app_label = 'webhooks'
            WHERE app_label = 'events'
              AND model IN ('webhookendpoint', 'webhookmessage', 'webhookattempt')
            """,
            """
            UPDATE django_content_type SET app_label = 'events'
            WHERE app_label = 'webhooks'
              AND model IN ('webhookendpoint', 'webhookmessage', 'webhookattempt')
            """,
        ),
    ]
