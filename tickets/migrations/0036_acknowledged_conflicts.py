"""When somebody has looked at a conflict, and who."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tickets", "0035_reminders_of_holders")]

    operations = [
        migrations.AddField(
            "scan",
            "acknowledged_at",
            models.DateTimeField(editable=False, null=True, verbose_name="acknowledged at"),
        ),
        migrations.AddField(
            "scan",
            "acknowledged_by",
            models.CharField(db_default="", default="", editable=False, max_length=60),
        ),
    ]
