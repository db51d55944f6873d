"""Transfers of tickets to other persons, and the mails about them."""

import django.db.models.deletion
import ticketing.ids
from django.db import migrations, models


# Validated in a later migration, which does not block the door.
ADD_KEY = """
ALTER TABLE tickets_ticket ADD CONSTRAINT transfer_of_a_ticket FOREIGN KEY (transfer_id)
  REFERENCES tickets_transfer (id) DEFERRABLE INITIALLY DEFERRED NOT VALID
"""
DROP_KEY = "ALTER TABLE tickets_ticket DROP CONSTRAINT transfer_of_a_ticket"


class Migration(migrations.Migration):

    dependencies = [
        ('tickets', '0019_erasures'),
    ]

    operations = [
        migrations.CreateModel(
            name='Transfer',
            fields=[
                ('id', models.UUIDField(default=ticketing.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200, verbose_name='name')),
                ('email', models.EmailField(max_length=254, verbose_name='email')),
                ('language', models.CharField(max_length=8, verbose_name='language')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('expires_at', models.DateTimeField(verbose_name='expires at')),
                ('accepted_at', models.DateTimeField(null=True, verbose_name='accepted at')),
                ('withdrawn_at', models.DateTimeField(null=True, verbose_name='withdrawn at')),
                ('ticket', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='offers', to='tickets.ticket', verbose_name='ticket')),
            ],
            options={
                'verbose_name': 'transfer',
                'verbose_name_plural': 'transfers',
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.AddField(
                    model_name='ticket',
                    name='transfer',
                    field=models.ForeignKey(db_constraint=False, db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tickets.transfer'),
                ),
                migrations.RunSQL(ADD_KEY, DROP_KEY),
            ],
            state_operations=[
                migrations.AddField(
                    model_name='ticket',
                    name='transfer',
                    field=models.ForeignKey(db_index=False, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tickets.transfer'),
                ),
            ],
        ),
        migrations.CreateModel(
            name='TransferMail',
            fields=[
                ('asked_at', models.DateTimeField(verbose_name='asked at')),
                ('sent_at', models.DateTimeField(null=True, verbose_name='sent at')),
                ('failed_at', models.DateTimeField(null=True, verbose_name='given up at')),
                ('failure', models.CharField(blank=True, db_default='', default='', max_length=300, verbose_name='reason')),
                ('attempts', models.PositiveIntegerField(db_default=0, default=0, verbose_name='failed attempts')),
                ('goes_at', models.DateTimeField(null=True, verbose_name='put off until')),
                ('leased_until', models.DateTimeField(editable=False, null=True)),
                ('asks', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('ask_again_at', models.DateTimeField(editable=False)),
                ('id', models.UUIDField(default=ticketing.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('offer', 'offer'), ('ticket', 'ticket'), ('handed_on', 'ticket handed on')], max_length=10, verbose_name='about')),
                ('transfer', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='mails', to='tickets.transfer')),
            ],
            options={
                'verbose_name': 'mail about a transfer',
                'verbose_name_plural': 'mails about transfers',
            },
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.UniqueConstraint(condition=models.Q(('withdrawn_at__isnull', True)), fields=('ticket',), name='one_open_offer_per_ticket'),
        ),
        migrations.AddConstraint(
            model_name='transfer',
            constraint=models.CheckConstraint(condition=models.Q(('accepted_at__isnull', True), ('withdrawn_at__isnull', True), _connector='OR'), name='an_accepted_transfer_stays'),
        ),
        migrations.AddIndex(
            model_name='transfermail',
            index=models.Index(condition=models.Q(('sent_at__isnull', True)), fields=['ask_again_at'], name='transfer_mails_still_asking'),
        ),
        migrations.AddConstraint(
            model_name='transfermail',
            constraint=models.UniqueConstraint(fields=('transfer', 'kind'), name='a_transfer_is_told_once_each_way'),
        ),
    ]
