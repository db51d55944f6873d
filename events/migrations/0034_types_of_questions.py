"""The ticket types that a question is for.

A migration of its own: a transaction that locks two tables of a sale can deadlock with it.
"""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0033_questions")]

    operations = [
        migrations.AddField(
            model_name="question",
            name="ticket_types",
            field=models.ManyToManyField(blank=True, related_name='questions', to='events.tickettype', verbose_name='only for'),
        ),
    ]
