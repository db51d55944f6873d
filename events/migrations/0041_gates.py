"""Gates that admit some ticket types only."""

import django.db.models.deletion
import django.db.models.functions.text
from django.db import migrations, models

import ticketing.ids
import ticketing.text


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0040_door_rules'),
    ]

    operations = [
        migrations.CreateModel(
            name='Gate',
            fields=[
                ('id', models.UUIDField(default=ticketing.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=50, validators=[ticketing.text.refuse_control_characters], verbose_name='name')),
                ('event', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='gates', to='events.event', verbose_name='event')),
            ],
            options={
                'verbose_name': 'gate for some ticket types',
                'verbose_name_plural': 'gates for some ticket types',
                'ordering': ['event_id', 'name'],
            },
        ),
        migrations.AddConstraint(
            model_name='gate',
            constraint=models.UniqueConstraint(models.F('event'), django.db.models.functions.text.Lower('name'), name='one_gate_per_name_of_an_event'),
        ),
    ]
