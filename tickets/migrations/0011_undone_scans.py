"""Undone scans are found by event and moment. The index is built beside the running door."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("tickets", "0010_checkin_hours")]

    operations = [
        AddIndexConcurrently(
            "scan",
            models.Index(
                fields=["event", "undone_at"],
                condition=Q(undone_at__isnull=False),
                name="scans_that_were_undone",
            ),
        ),
    ]
