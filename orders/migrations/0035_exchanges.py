"""Exchanged tickets, and the differences in cash that the ledger has for them."""

import django.db.models.deletion
import ticketing.ids
from django.db import migrations, models

# As orders/sql/enter_cash_difference.sql was then.
CREATE = """
CREATE FUNCTION enter_cash_difference() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orders_ledgerentry (organizer_id, event_id, order_id, kind, cause, method, amount,
    currency, at)
  SELECT e.organizer_id, o.event_id, o.id, CASE WHEN NEW.amount > 0 THEN 'charge' ELSE 'refund' END,
    NEW.id, 'cash', NEW.amount, o.currency, NEW.at
  FROM orders_order o JOIN events_event e ON e.id = o.event_id WHERE o.id = NEW.order_id
  ON CONFLICT (cause, kind) DO NOTHING;
  RETURN NULL;
END $$;

CREATE TRIGGER enter_cash_difference AFTER INSERT ON orders_cashdifference
  FOR EACH ROW EXECUTE FUNCTION enter_cash_difference();
"""
DROP = """
DROP TRIGGER enter_cash_difference ON orders_cashdifference;
DROP FUNCTION enter_cash_difference;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0028_retention'),
        ('orders', '0034_consents'),
    ]

    operations = [
        migrations.CreateModel(
            name='CashDifference',
            fields=[
                ('id', models.UUIDField(default=ticketing.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('position', models.PositiveSmallIntegerField(verbose_name='position')),
                ('amount', models.DecimalField(decimal_places=2, max_digits=12, verbose_name='amount')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('order', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='cash_differences', to='orders.order', verbose_name='order')),
                ('order_item', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orders.orderitem')),
            ],
            options={
                'verbose_name': 'difference in cash',
                'verbose_name_plural': 'differences in cash',
                'constraints': [models.CheckConstraint(condition=models.Q(('amount', 0), _negated=True), name='cash_difference_is_an_amount')],
            },
        ),
        migrations.CreateModel(
            name='TicketExchange',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('position', models.PositiveSmallIntegerField(verbose_name='position')),
                ('price_before', models.DecimalField(decimal_places=2, max_digits=10)),
                ('price_after', models.DecimalField(decimal_places=2, max_digits=10)),
                ('at', models.DateTimeField(verbose_name='at')),
                ('from_type', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='events.tickettype')),
                ('order', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='exchanges', to='orders.order', verbose_name='order')),
                ('order_item', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orders.orderitem')),
                ('to_type', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='events.tickettype')),
            ],
            options={
                'verbose_name': 'exchanged ticket',
                'verbose_name_plural': 'exchanged tickets',
                'indexes': [models.Index(fields=['at'], name='exchanges_by_age')],
                'constraints': [models.CheckConstraint(condition=models.Q(('from_type', models.F('to_type')), _negated=True), name='exchange_changes_the_type'), models.CheckConstraint(condition=models.Q(('price_after__gte', 0), ('price_before__gte', 0)), name='exchanged_price_is_not_negative')],
            },
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
