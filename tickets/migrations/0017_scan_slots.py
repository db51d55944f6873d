"""The tables of entry figures. The worker fills them, from the first scan on."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("events", "0022_no_debt_of_webhooks"),
        ("tickets", "0016_one_ticket_per_number"),
    ]

    operations = [
        migrations.CreateModel(
            name="ScanSlot",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("starts_at", models.DateTimeField()),
                ("gate", models.CharField(blank=True, max_length=50)),
                ("admitted", models.IntegerField(default=0)),
                ("refused", models.IntegerField(default=0)),
                ("event", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, to="events.event")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("event", "starts_at", "gate"), name="one_scan_slot_per_gate"),
                ],
            },
        ),
        migrations.CreateModel(
            name="ScanSummary",
            fields=[
                ("id", models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("written_until", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="there_is_one_scan_summary"),
                ],
            },
        ),
    ]
