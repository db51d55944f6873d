"""A ticket can be refunded by itself, and replaced by another."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0005_scopes'),
        ('orders', '0006_partial_refunds'),
        ('tickets', '0004_fewer_indexes'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='ticket',
            name='one_ticket_per_place_paid',
        ),
        migrations.AddField(
            model_name='ticket',
            name='refunded_at',
            field=models.DateTimeField(null=True, verbose_name='refunded at'),
        ),
        migrations.AddField(
            model_name='ticket',
            name='replaced_by',
            field=models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='replaces', to='tickets.ticket', verbose_name='replaced by'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.UniqueConstraint(condition=models.Q(('replaced_by__isnull', True)), fields=('order_item', 'position'), name='one_ticket_per_place_paid'),
        ),
        migrations.RunSQL(
            "UPDATE tickets_ticket t SET refunded_at = t.revoked_at FROM orders_order o"
            " WHERE o.id = t.order_id AND o.status = 'refunded'",
            migrations.RunSQL.noop,
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.CheckConstraint(condition=models.Q(('status', 'revoked'), models.Q(('refunded_at__isnull', True), ('replaced_by__isnull', True)), _connector='OR'), name='what_is_gone_admits_nobody'),
        ),
    ]
