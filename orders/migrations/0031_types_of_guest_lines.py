"""The ticket type that a line of a guest list names.

A migration of its own: a transaction that locks two tables of a sale can deadlock with it.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0030_orders_of_guest_lines")]

    operations = [
        migrations.AddField(
            model_name="guestline",
            name="ticket_type",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="events.tickettype",
            ),
        ),
    ]
