"""An index of the conflicts of an event, which the live door reads every second."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("tickets", "0036_acknowledged_conflicts")]

    operations = [
        AddIndexConcurrently(
            "scan",
            models.Index(
                fields=["event", "-recorded_at"],
                condition=Q(("conflict", True)),
                name="scans_in_conflict",
            ),
        ),
    ]
