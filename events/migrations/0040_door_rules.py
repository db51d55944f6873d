"""The rules of an event's door: re-entry, and whether staff confirm each admission."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0039_logos'),
    ]

    operations = [
        migrations.AddField(
            model_name='event',
            name='confirm_first',
            field=models.BooleanField(db_default=False, default=False, help_text='The scanner waits for a tap after each ticket. Without it, staff scan on without one.', verbose_name='confirm each admission'),
        ),
        migrations.AddField(
            model_name='event',
            name='reentry',
            field=models.CharField(choices=[('never', 'no: each ticket admits once'), ('always', 'yes, after a scan at the exit'), ('once_a_day', 'once on each day')], db_default='never', default='never', help_text='Whether a guest who has left may enter again with the same ticket.', max_length=10, verbose_name='re-entry'),
        ),
        migrations.AddConstraint(
            model_name='event',
            constraint=models.CheckConstraint(condition=models.Q(('reentry__in', ['never', 'always', 'once_a_day'])), name='event_reentry_is_known'),
        ),
    ]
