"""The search for the address of a ticket's new holder. Built beside the running sale."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("tickets", "0026_refund_requests")]

    operations = [
        AddIndexConcurrently(
            model_name="transfer",
            index=models.Index(fields=["email"], name="transfers_by_email"),
        ),
    ]
