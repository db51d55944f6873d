from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ticketing", "0010_second_factor")]

    operations = [
        migrations.AddField(
            model_name="user",
            name="first_steps_closed_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
    ]
