"""Scans at the exit, decisions of devices that were offline, and conflicts."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tickets', '0031_tickets_inside'),
    ]

    operations = [
        migrations.AddField(
            model_name='scan',
            name='conflict',
            field=models.BooleanField(db_default=False, default=False, verbose_name='conflict'),
        ),
        migrations.AddField(
            model_name='scan',
            name='decision',
            field=models.CharField(blank=True, choices=[('admitted', 'admitted'), ('refused', 'refused')], db_default='', default='', max_length=8, verbose_name='decision of the device'),
        ),
        migrations.AddField(
            model_name='scan',
            name='direction',
            field=models.CharField(choices=[('entry', 'entry'), ('exit', 'exit')], db_default='entry', default='entry', max_length=5, verbose_name='direction'),
        ),
        migrations.AddField(
            model_name='scan',
            name='entry_day',
            field=models.DateField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='device',
            name='is_supervisor',
            field=models.BooleanField(db_default=False, default=False, help_text='May find guests by name, admit them by hand, and undo a check-in within 15 minutes.', verbose_name='supervisor'),
        ),
        migrations.AlterField(
            model_name='scan',
            name='result',
            field=models.CharField(choices=[('admitted', 'admitted'), ('readmitted', 'admitted again'), ('exited', 'went out'), ('already_used', 'already used'), ('revoked', 'revoked'), ('wrong_event', 'wrong event'), ('event_cancelled', 'event cancelled'), ('not_yet_open', 'not yet open'), ('closed', 'closed'), ('wrong_gate', 'wrong gate'), ('not_inside', 'not inside'), ('turned_away', 'turned away'), ('invalid_code', 'invalid code'), ('unknown_ticket', 'unknown ticket')], max_length=16, verbose_name='result'),
        ),
    ]
