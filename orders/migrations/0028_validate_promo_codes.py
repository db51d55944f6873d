"""Validate the key of an order's promo code, and the list prices of items."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [('orders', '0027_uses_of_promo_codes')]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE orders_order VALIDATE CONSTRAINT promo_code_of_an_order",
            migrations.RunSQL.noop,
        ),
        ValidateConstraint(model_name='orderitem', name='discount_is_not_negative'),
    ]
