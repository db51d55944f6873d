"""The index by which the orders that use a promo code are counted."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):

    atomic = False

    dependencies = [('orders', '0026_list_prices')]

    operations = [
        AddIndexConcurrently(
            model_name='order',
            index=models.Index(condition=models.Q(('promo_code__isnull', False)), fields=['promo_code', 'status'], name='uses_of_a_promo_code'),
        ),
    ]
