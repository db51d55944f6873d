"""
Drop the guard that knows no undo: with it, a ticket whose check-in was undone could not be used.

It is safe beside the release before this one. That release never names the index: its guard is the
conditional UPDATE, and the index only backs it. Its scans have no `undone_at`, so the new index
refuses a second admission of theirs exactly as the old one did. Its look-ups by ticket have the
index of the foreign key.
"""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("tickets", "0012_admissions_until_undone")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "DROP INDEX CONCURRENTLY IF EXISTS a_ticket_admits_once",
                    "CREATE UNIQUE INDEX CONCURRENTLY a_ticket_admits_once"
                    " ON tickets_scan (ticket_id) WHERE result = 'admitted'",
                ),
            ],
            state_operations=[
                migrations.RemoveConstraint("scan", "a_ticket_admits_once"),
            ],
        ),
    ]
