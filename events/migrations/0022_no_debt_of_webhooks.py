"""What an organizer's webhooks owe is in a table of their app. A later release drops the column."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0021_webhooks_leave'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveField(model_name='organizer', name='couriers_owed_until'),
            ],
        ),
    ]
