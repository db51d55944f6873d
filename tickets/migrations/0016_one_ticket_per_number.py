"""No two current tickets of an order have the same number. Built beside the running sale."""

from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("tickets", "0015_ticket_numbers")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "CREATE UNIQUE INDEX CONCURRENTLY one_ticket_per_number"
                    " ON tickets_ticket (order_id, number) WHERE replaced_by_id IS NULL",
                    "DROP INDEX CONCURRENTLY one_ticket_per_number",
                ),
            ],
            state_operations=[
                migrations.AddConstraint(
                    "ticket",
                    models.UniqueConstraint(
                        fields=["order", "number"],
                        condition=Q(replaced_by__isnull=True),
                        name="one_ticket_per_number",
                    ),
                ),
            ],
        ),
    ]
