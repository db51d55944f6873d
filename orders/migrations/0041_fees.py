"""What the payment provider keeps of a charge, entered in the ledger beside the charge."""

from decimal import Decimal

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

# As orders/sql/enter_charge.sql was then.
CREATE = """
CREATE OR REPLACE FUNCTION enter_charge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orders_ledgerentry (organizer_id, event_id, order_id, kind, cause, method, amount,
    currency, at)
  SELECT e.organizer_id, o.event_id, o.id, moved.kind, NEW.id, NEW.method, moved.amount,
    NEW.currency, coalesce(NEW.decided_at, NEW.created_at)
  FROM orders_order o JOIN events_event e ON e.id = o.event_id,
    (VALUES ('charge', NEW.amount), ('fee', -NEW.fee)) AS moved (kind, amount)
  WHERE o.id = NEW.order_id AND moved.amount <> 0
  ON CONFLICT (cause, kind) DO NOTHING;
  RETURN NULL;
END $$;
"""
# As orders/migrations/0019_enter_charges.py created it.
RESTORE = """
CREATE OR REPLACE FUNCTION enter_charge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orders_ledgerentry (organizer_id, event_id, order_id, kind, cause, method, amount,
    currency, at)
  SELECT e.organizer_id, o.event_id, o.id, 'charge', NEW.id, NEW.method, NEW.amount, NEW.currency,
    coalesce(NEW.decided_at, NEW.created_at)
  FROM orders_order o JOIN events_event e ON e.id = o.event_id WHERE o.id = NEW.order_id
  ON CONFLICT (cause, kind) DO NOTHING;
  RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0040_link_openings")]

    operations = [
        migrations.AddField(
            model_name="payment",
            name="fee",
            field=models.DecimalField(
                db_default=Decimal("0"),
                decimal_places=2,
                default=Decimal("0"),
                max_digits=12,
                verbose_name="fee",
            ),
        ),
        AddConstraintNotValid(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("fee__gte", 0)), name="fee_is_not_negative"
            ),
        ),
        migrations.RunSQL(CREATE, RESTORE),
    ]
