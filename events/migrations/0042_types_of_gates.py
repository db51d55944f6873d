"""The ticket types that a gate admits.

A migration of its own: a transaction that locks two tables of a sale can deadlock with it.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0041_gates")]

    operations = [
        migrations.AddField(
            model_name='gate',
            name='ticket_types',
            field=models.ManyToManyField(related_name='gates', to='events.tickettype', verbose_name='admits'),
        ),
    ]
