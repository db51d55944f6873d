"""Until when buyers may answer.

A migration of its own: a transaction that locks two tables of a sale can deadlock with it.
"""

import ticketing.clock
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0034_types_of_questions")]

    operations = [
        migrations.AddField(
            model_name='event',
            name='answers_until',
            field=models.DateTimeField(blank=True, help_text='Until then buyers may answer your questions. Empty: until the event starts.', null=True, validators=[ticketing.clock.validate_plausible_date], verbose_name='answers can be changed until'),
        ),
    ]
