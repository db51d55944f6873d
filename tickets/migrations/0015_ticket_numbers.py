"""Each ticket has a number within its order. The previous release writes none."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0014_device_pairing")]

    operations = [
        migrations.AddField(
            model_name="ticket",
            name="number",
            field=models.SmallIntegerField(editable=False, null=True, verbose_name="number"),
        ),
    ]
