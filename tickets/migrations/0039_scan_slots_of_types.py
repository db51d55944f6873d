"""
Entry figures by ticket type too. The worker counts all scans again.

Until it has, pages count them live: that takes seconds at a site with very many scans.
"""

import django.db.models.deletion
from django.db import migrations, models

# allow constraint-is-gone: the previous release does not know this table


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0042_types_of_gates"),
        ("tickets", "0038_marks_of_reentry"),
    ]

    operations = [
        migrations.RunSQL("DELETE FROM tickets_scanslot", migrations.RunSQL.noop),
        migrations.RunSQL("DELETE FROM tickets_scansummary", migrations.RunSQL.noop),
        migrations.RemoveConstraint("scanslot", "one_scan_slot_per_gate"),
        migrations.AddField(
            "scanslot",
            "ticket_type",
            models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="events.tickettype",
            ),
        ),
        migrations.AddConstraint(
            "scanslot",
            models.UniqueConstraint(
                fields=("event", "starts_at", "gate", "ticket_type"),
                name="one_scan_slot_per_gate_and_type",
                nulls_distinct=False,
            ),
        ),
    ]
