"""
A ticket admits once until that is undone. Built beside the running door, before the old guard goes.
"""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("tickets", "0011_undone_scans")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "CREATE UNIQUE INDEX CONCURRENTLY a_ticket_admits_once_until_undone"
                    " ON tickets_scan (ticket_id)"
                    " WHERE result = 'admitted' AND undone_at IS NULL",
                    "DROP INDEX CONCURRENTLY a_ticket_admits_once_until_undone",
                ),
            ],
            state_operations=[
                migrations.AddConstraint(
                    "scan",
                    models.UniqueConstraint(
                        fields=["ticket"],
                        condition=Q(result="admitted", undone_at__isnull=True),
                        name="a_ticket_admits_once_until_undone",
                    ),
                ),
            ],
        ),
    ]
