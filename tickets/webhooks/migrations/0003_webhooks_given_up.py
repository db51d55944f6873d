"""The search for messages that were given up. Built beside the running sale."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("webhooks", "0002_webhook_debt")]

    operations = [
        AddIndexConcurrently(
            model_name="webhookmessage",
            index=models.Index(
                fields=["endpoint", "created_at"],
                condition=Q(next_attempt_at__isnull=True, delivered_at__isnull=True),
                name="webhooks_given_up",
            ),
        ),
    ]
