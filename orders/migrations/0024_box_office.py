"""Staff sell for cash and give complimentary tickets. The previous release reads such payments."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("orders", "0023_orders_by_payment_and_end"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="payment",
            name="method",
            field=models.CharField(
                choices=[
                    ("card", "card"),
                    ("pix", "Pix"),
                    ("free", "free"),
                    ("cash", "cash"),
                    ("gift", "complimentary"),
                ],
                max_length=8,
                verbose_name="method",
            ),
        ),
        migrations.CreateModel(
            name="BoxOfficeSale",
            fields=[
                (
                    "order",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="box_office_sale",
                        serialize=False,
                        to="orders.order",
                        verbose_name="order",
                    ),
                ),
                ("key", models.UUIDField(editable=False, unique=True)),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "box-office sale",
                "verbose_name_plural": "box-office sales",
            },
        ),
    ]
