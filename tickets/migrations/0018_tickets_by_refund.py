"""What sales figures look for. Built beside the running sale."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("tickets", "0017_scan_slots")]

    operations = [
        AddIndexConcurrently(
            model_name="ticket",
            index=models.Index(
                fields=["refunded_at"],
                condition=Q(refunded_at__isnull=False),
                name="tickets_by_refund",
            ),
        ),
    ]
