"""Validate the key of a ticket's transfer."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [('tickets', '0020_transfers')]

    operations = [
        migrations.RunSQL(
            "ALTER TABLE tickets_ticket VALIDATE CONSTRAINT transfer_of_a_ticket",
            migrations.RunSQL.noop,
        ),
    ]
