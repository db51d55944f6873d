"""What an API token may be used for, until when, and when it last was."""

import django.contrib.postgres.fields
import events.models
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0004_full_text'),
    ]

    operations = [
        migrations.AddField(
            model_name='apitoken',
            name='expires_at',
            field=models.DateTimeField(blank=True, help_text='Empty means never.', null=True, verbose_name='expires at'),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='last_used_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='last used at'),
        ),
        migrations.AddField(
            model_name='apitoken',
            name='scopes',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('events:write', 'create, change, publish and cancel events'), ('orders:read', 'see orders, their buyers and their tickets'), ('orders:refund', 'refund orders'), ('tickets:write', 'send, replace and revoke tickets'), ('tickets:validate', 'check tickets in at the door'), ('reports:read', 'see sales and attendance')], max_length=20), default=events.models.all_scopes, size=None, verbose_name='may'),
        ),
    ]
