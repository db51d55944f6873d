"""The price of an item without the promo code of its order."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [('orders', '0025_promo_codes_of_orders')]

    operations = [
        migrations.AddField(
            model_name='orderitem',
            name='list_price',
            field=models.DecimalField(decimal_places=2, max_digits=10, null=True, verbose_name='list price'),
        ),
        AddConstraintNotValid(
            model_name='orderitem',
            constraint=models.CheckConstraint(condition=models.Q(('list_price__isnull', True), ('list_price__gte', models.F('unit_price')), _connector='OR'), name='discount_is_not_negative'),
        ),
    ]
