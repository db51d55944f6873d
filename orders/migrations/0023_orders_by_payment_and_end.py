"""What sales figures look for. Built beside the running sale."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("orders", "0022_sales_slots")]

    operations = [
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(
                fields=["paid_at"], condition=Q(paid_at__isnull=False), name="orders_by_payment"
            ),
        ),
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(
                fields=["closed_at"], condition=Q(closed_at__isnull=False), name="orders_by_end"
            ),
        ),
    ]
