"""What the sweep looks for. Built beside the running sale."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("orders", "0013_late_charges")]

    operations = [
        AddIndexConcurrently(
            model_name="payment",
            index=models.Index(
                fields=["ask_again_at"],
                condition=Q(undo_at__isnull=False, undone_at__isnull=True),
                name="charges_still_to_undo",
            ),
        ),
    ]
