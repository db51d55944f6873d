"""An event says when its door is open, and webhooks can be told of a check-in that was undone."""

import django.contrib.postgres.fields
import ticketing.clock
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0013_confirms_free_orders'),
    ]

    operations = [
        migrations.AddField(
            model_name='event',
            name='checkin_ends_at',
            field=models.DateTimeField(blank=True, help_text='From it on no gate opens. A good choice: when the event ends.', null=True, validators=[ticketing.clock.refuse_other_ages], verbose_name='check-in ends at'),
        ),
        migrations.AddField(
            model_name='event',
            name='checkin_starts_at',
            field=models.DateTimeField(blank=True, help_text='Before it no gate opens. Empty: check-in works at any time. A good choice: 4 hours before the event starts.', null=True, validators=[ticketing.clock.refuse_other_ages], verbose_name='check-in starts at'),
        ),
        migrations.AlterField(
            model_name='webhookendpoint',
            name='types',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('order.reserved', 'order reserved'), ('order.paid', 'order paid'), ('order.payment_failed', 'payment failed'), ('order.expired', 'reservation expired'), ('order.cancelled', 'reservation cancelled'), ('order.refunded', 'order refunded'), ('ticket.issued', 'ticket issued'), ('ticket.admitted', 'ticket admitted'), ('ticket.checkin_undone', 'check-in undone'), ('ticket.revoked', 'ticket revoked'), ('event.published', 'event published'), ('event.updated', 'event changed'), ('event.cancelled', 'event cancelled'), ('event.sold_out', 'event sold out')], max_length=30), blank=True, default=list, help_text='None means all of them, also those to come.', size=None, verbose_name='tells of'),
        ),
        migrations.AddConstraint(
            model_name='event',
            constraint=models.CheckConstraint(condition=models.Q(('checkin_ends_at__gt', models.F('checkin_starts_at')), ('checkin_starts_at__isnull', True), ('checkin_ends_at__isnull', True), _connector='OR'), name='checkin_ends_after_it_starts', violation_error_message='Check-in must end after it starts.'),
        ),
    ]
