"""A ticket enters once a day until that is undone. Built beside the running door."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("tickets", "0032_directions_of_scans")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "CREATE UNIQUE INDEX CONCURRENTLY a_ticket_enters_once_a_day_until_undone"
                    " ON tickets_scan (ticket_id, entry_day)"
                    " WHERE entry_day IS NOT NULL AND undone_at IS NULL",
                    "DROP INDEX CONCURRENTLY a_ticket_enters_once_a_day_until_undone",
                ),
            ],
            state_operations=[
                migrations.AddConstraint(
                    "scan",
                    models.UniqueConstraint(
                        fields=["ticket", "entry_day"],
                        condition=Q(entry_day__isnull=False, undone_at__isnull=True),
                        name="a_ticket_enters_once_a_day_until_undone",
                    ),
                ),
            ],
        ),
    ]
