"""The order that a line of a guest list has become.

A migration of its own: a transaction that locks two tables of a sale can deadlock with it.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0029_guest_lists")]

    operations = [
        migrations.AddField(
            model_name="guestline",
            name="order",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="guest_line",
                to="orders.order",
            ),
        ),
    ]
