"""What an exchanged ticket is worth."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tickets', '0021_validate_transfers'),
    ]

    operations = [
        migrations.AddField(
            model_name='ticket',
            name='exchanged_price',
            field=models.DecimalField(decimal_places=2, editable=False, max_digits=10, null=True, verbose_name='price'),
        ),
    ]
