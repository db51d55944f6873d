"""Name one more problem of a line of a guest list: several types have almost that name."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('orders', '0042_validate_fees'),
    ]

    operations = [
        migrations.AlterField(
            model_name='guestline',
            name='problem',
            field=models.CharField(blank=True, choices=[('name', 'The name is missing or too long.'), ('email', 'The email address is not valid.'), ('ticket_type', 'The event has no such ticket type.'), ('unclear_type', 'Several ticket types have almost this name. Write it exactly, with accents and capitals.'), ('quantity', 'The quantity must be a number from 1 to 100.'), ('sold_out', 'Not enough tickets are left.'), ('closed', 'The event was cancelled, or is over.'), ('repeated', 'Another list has sold the same line.')], max_length=12, verbose_name='problem'),
        ),
    ]
