"""The tables of sales figures. The worker fills them, from the first order on."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("events", "0022_no_debt_of_webhooks"),
        ("orders", "0021_earlier_entries"),
    ]

    operations = [
        migrations.CreateModel(
            name="OrderSlot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField()),
                ("reserved", models.PositiveIntegerField(default=0)),
                ("paid", models.PositiveIntegerField(default=0)),
                ("expired", models.PositiveIntegerField(default=0)),
                ("cancelled", models.PositiveIntegerField(default=0)),
                ("declined", models.PositiveIntegerField(default=0)),
                ("event", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to="events.event")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("event", "starts_at"), name="one_order_slot_per_quarter"),
                ],
            },
        ),
        migrations.CreateModel(
            name="SalesSlot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField()),
                ("currency", models.CharField(max_length=3)),
                ("sold", models.PositiveIntegerField(default=0)),
                ("amount", models.DecimalField(decimal_places=2, default=0, max_digits=14)),
                ("returned", models.PositiveIntegerField(default=0)),
                ("returned_amount", models.DecimalField(decimal_places=2, default=0, max_digits=14)),
                ("event", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to="events.event")),
                ("ticket_type", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="events.tickettype")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("event", "starts_at", "ticket_type"), name="one_sales_slot_per_type"),
                ],
            },
        ),
        migrations.CreateModel(
            name="SalesSummary",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("written_until", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="there_is_one_sales_summary"),
                ],
            },
        ),
    ]
