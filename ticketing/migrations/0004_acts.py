"""The record of who did what. A trigger refuses to change or delete a row of it."""

import ticketing.ids
from django.db import migrations, models

# Rows are only ever added. TRUNCATE is left to the owner of the table, as tests need it.
CREATE = """
CREATE FUNCTION refuse_to_change_acts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'acts are never changed or deleted' USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER acts_are_kept BEFORE UPDATE OR DELETE ON ticketing_act
  FOR EACH ROW EXECUTE FUNCTION refuse_to_change_acts();
"""
DROP = """
DROP TRIGGER acts_are_kept ON ticketing_act;
DROP FUNCTION refuse_to_change_acts;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('ticketing', '0003_kept_answers'),
    ]

    operations = [
        migrations.CreateModel(
            name='Act',
            fields=[
                ('id', models.UUIDField(default=ticketing.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(verbose_name='at')),
                ('type', models.CharField(max_length=40, verbose_name='act')),
                ('subject_type', models.CharField(max_length=20, verbose_name='about')),
                ('subject_id', models.UUIDField(verbose_name='id')),
                ('organizer_id', models.UUIDField(null=True, verbose_name='organizer')),
                ('actor_kind', models.CharField(choices=[('user', 'user'), ('token', 'API token'), ('device', 'door device'), ('buyer', 'buyer'), ('system', 'system')], max_length=8, verbose_name='actor')),
                ('actor_id', models.CharField(max_length=64)),
                ('actor_name', models.CharField(blank=True, max_length=150)),
                ('details', models.JSONField(default=dict, verbose_name='details')),
            ],
            options={
                'verbose_name': 'act',
                'verbose_name_plural': 'acts',
                'ordering': ['at', 'id'],
                'indexes': [models.Index(fields=['subject_id', 'at'], name='acts_of_a_subject'), models.Index(fields=['organizer_id', '-at'], name='acts_of_an_organizer')],
                'constraints': [models.CheckConstraint(condition=models.Q(('actor_kind__in', ['user', 'token', 'device', 'buyer', 'system'])), name='actor_kind_is_known')],
            },
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
