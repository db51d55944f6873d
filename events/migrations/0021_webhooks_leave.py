"""Webhooks are an app of their own from here on. Their tables stay as they are."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0020_scopes_of_integrations'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveField(model_name='webhookendpoint', name='organizer'),
                migrations.RemoveField(model_name='webhookmessage', name='endpoint'),
                migrations.DeleteModel(name='WebhookAttempt'),
                migrations.DeleteModel(name='WebhookEndpoint'),
                migrations.DeleteModel(name='WebhookMessage'),
            ],
        ),
    ]
