"""Refunds as rows of their own, so that a part of an order can be refunded; and when each order changed."""

import django.db.models.deletion
import django.db.models.functions.datetime
import ticketing.ids
from django.db import migrations, models

# A refund that is owed asks from its own row now.
MOVE = """
INSERT INTO orders_refund (id, payment_id, amount, created_at, refunded_at, asks, ask_again_at)
  SELECT gen_random_uuid(), id, amount, coalesce(decided_at, created_at), refunded_at, asks,
    ask_again_at
  FROM orders_payment WHERE status IN ('refunding', 'refunded');
INSERT INTO orders_simulatedrefund (refund_id, payment_id, amount)
  SELECT gen_random_uuid(), c.payment_id, p.amount
  FROM orders_simulatedcharge c JOIN orders_payment p ON p.id = c.payment_id
  WHERE c.refunded_at IS NOT NULL;
UPDATE orders_order SET modified_at =
  greatest(created_at, processing_at, paid_at, closed_at);
"""
TELL = """
CREATE FUNCTION note_order_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.modified_at := clock_timestamp();
  RETURN NEW;
END $$;
CREATE TRIGGER note_order_change BEFORE UPDATE ON orders_order
  FOR EACH ROW EXECUTE FUNCTION note_order_change();
"""
UNTELL = """
DROP TRIGGER note_order_change ON orders_order;
DROP FUNCTION note_order_change;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0005_scopes'),
        ('orders', '0005_fewer_indexes'),
    ]

    operations = [
        migrations.CreateModel(
            name='Refund',
            fields=[
                ('id', models.UUIDField(default=ticketing.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('amount', models.DecimalField(decimal_places=2, max_digits=12, verbose_name='amount')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('refunded_at', models.DateTimeField(null=True, verbose_name='refunded at')),
                ('asks', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('ask_again_at', models.DateTimeField(editable=False)),
            ],
            options={
                'verbose_name': 'refund',
                'verbose_name_plural': 'refunds',
                'ordering': ['created_at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='SimulatedRefund',
            fields=[
                ('refund_id', models.UUIDField(primary_key=True, serialize=False)),
                ('payment_id', models.UUIDField(db_index=True)),
                ('amount', models.DecimalField(decimal_places=2, max_digits=12)),
            ],
        ),
        migrations.RemoveIndex(
            model_name='payment',
            name='payments_still_asking',
        ),
        migrations.AddField(
            model_name='order',
            name='modified_at',
            field=models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='modified at'),
        ),
        migrations.AddField(
            model_name='orderitem',
            name='returned',
            field=models.PositiveSmallIntegerField(db_default=0, default=0, verbose_name='returned'),
        ),
        migrations.AddIndex(
            model_name='order',
            index=models.Index(fields=['event', 'modified_at', 'id'], name='orders_by_change'),
        ),
        migrations.AddIndex(
            model_name='payment',
            index=models.Index(condition=models.Q(('status', 'pending')), fields=['ask_again_at'], name='payments_still_asking'),
        ),
        migrations.AddConstraint(
            model_name='orderitem',
            constraint=models.CheckConstraint(condition=models.Q(('returned__lte', models.F('quantity'))), name='returned_was_sold'),
        ),
        migrations.AddField(
            model_name='refund',
            name='payment',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refunds', to='orders.payment', verbose_name='payment'),
        ),
        migrations.AddIndex(
            model_name='refund',
            index=models.Index(condition=models.Q(('refunded_at__isnull', True)), fields=['ask_again_at'], name='refunds_still_asking'),
        ),
        migrations.AddConstraint(
            model_name='refund',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0)), name='refund_is_not_negative'),
        ),
        migrations.RunSQL(MOVE, migrations.RunSQL.noop),
        migrations.RunSQL(TELL, UNTELL),
    ]
