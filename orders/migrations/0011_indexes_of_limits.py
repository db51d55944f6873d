"""Indexes by which the tickets of a customer, an address and a network are counted."""

import django.db.models
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("orders", "0010_origins_of_orders")]

    operations = [
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(
                models.F("event"),
                models.Func("customer_email", function="counted_email"),
                condition=models.Q(("status__in", ["reserved", "processing", "paid"])),
                name="tickets_of_a_customer",
            ),
        ),
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(
                condition=models.Q(("address_digest", ""), _negated=True),
                fields=["event", "address_digest"],
                name="tickets_of_an_address",
            ),
        ),
        AddIndexConcurrently(
            model_name="order",
            index=models.Index(
                condition=models.Q(("network_digest", ""), _negated=True),
                fields=["event", "network_digest"],
                name="tickets_of_a_network",
            ),
        ),
        # The previous release finds what it looks for by `tickets_of_an_address`.
        RemoveIndexConcurrently(model_name="order", name="reservations_of_an_address"),
    ]
