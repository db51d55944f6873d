"""Rename a model. Its table keeps its name: two releases write to it side by side."""

from django.db import migrations


class Migration(migrations.Migration):

    dependencies = [
        ('ticketing', '0005_booked_mails'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RenameModel('KeptAnswer', 'StoredResponse'),
                migrations.AlterModelTable('StoredResponse', 'ticketing_keptanswer'),
            ],
        ),
    ]
