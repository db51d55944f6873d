"""A payment that failed asks to be undone once more, when no charge of it can follow any more."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0012_limits_of_tickets")]

    operations = [
        migrations.AddField(
            model_name="payment",
            name="undo_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="payment",
            name="undone_at",
            field=models.DateTimeField(null=True, verbose_name="charge undone at"),
        ),
    ]
