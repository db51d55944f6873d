"""The ledger: a table whose rows are never changed or deleted."""

import django.contrib.postgres.functions
import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

# As orders/sql/keep_ledger.sql was then.
CREATE = """
CREATE FUNCTION keep_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'entries of the ledger are never changed or deleted'
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER ledger_is_kept BEFORE UPDATE OR DELETE ON orders_ledgerentry
  FOR EACH ROW EXECUTE FUNCTION keep_ledger();
"""
DROP = """
DROP TRIGGER ledger_is_kept ON orders_ledgerentry;
DROP FUNCTION keep_ledger;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0022_no_debt_of_webhooks'),
        ('orders', '0017_shop_record'),
    ]

    operations = [
        migrations.CreateModel(
            name='LedgerEntry',
            fields=[
                ('id', models.UUIDField(db_default=django.contrib.postgres.functions.RandomUUID(), editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('charge', 'charge'), ('refund', 'refund'), ('fee', 'fee')], max_length=8, verbose_name='kind')),
                ('cause', models.UUIDField(editable=False)),
                ('method', models.CharField(max_length=16, verbose_name='method')),
                ('amount', models.DecimalField(decimal_places=2, max_digits=12, verbose_name='amount')),
                ('currency', models.CharField(max_length=3, verbose_name='currency')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('recorded_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name='recorded at')),
                ('event', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='events.event', verbose_name='event')),
                ('order', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='ledger', to='orders.order', verbose_name='order')),
                ('organizer', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='events.organizer', verbose_name='organizer')),
            ],
            options={
                'verbose_name': 'ledger entry',
                'verbose_name_plural': 'ledger entries',
                'ordering': ['-at', '-id'],
                'indexes': [models.Index(fields=['organizer', 'at', 'id'], name='ledger_of_an_organizer'), models.Index(fields=['event', 'at', 'id'], name='ledger_of_an_event')],
                'constraints': [models.UniqueConstraint(fields=('cause', 'kind'), name='one_entry_per_cause'), models.CheckConstraint(condition=models.Q(models.Q(('amount__gt', 0), ('kind', 'charge')), models.Q(('amount__lt', 0), ('kind', 'refund')), models.Q(('kind', 'fee'), models.Q(('amount', 0), _negated=True)), _connector='OR'), name='entry_has_the_sign_of_its_kind')],
            },
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
