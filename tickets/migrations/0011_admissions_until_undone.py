"""
A ticket admits once until that is undone. Built beside the running door, before the old guard goes.
"""

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
        migrations.SeparateDatabaseAndState(
            database_operations=[
                # One that an interrupted build left behind is not valid.
                migrations.RunSQL(
                    "DROP INDEX CONCURRENTLY IF EXISTS a_ticket_admits_once_until_undone",
                    migrations.RunSQL.noop,
                ),
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
