"""The order of the check-in list. Built beside the running sale."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("tickets", "0024_mails_to_new_holders")]

    operations = [
        AddIndexConcurrently(
            model_name="ticket",
            index=models.Index(
                fields=["event", "holder_name", "order", "number"], name="tickets_by_holder"
            ),
        ),
    ]
