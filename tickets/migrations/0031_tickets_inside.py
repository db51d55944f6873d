"""Whether the holder of a ticket is inside, and since when."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tickets', '0030_earlier_door_marks'),
    ]

    operations = [
        migrations.AddField(
            model_name='ticket',
            name='inside',
            field=models.BooleanField(editable=False, null=True, verbose_name='inside'),
        ),
        migrations.AddField(
            model_name='ticket',
            name='last_entry_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='last entry'),
        ),
    ]
