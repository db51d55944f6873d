"""Validate that no payment has a negative fee."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("orders", "0041_fees")]

    operations = [ValidateConstraint(model_name="payment", name="fee_is_not_negative")]
