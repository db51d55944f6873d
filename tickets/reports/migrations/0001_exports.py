"""Exports and scheduled reports."""

import django.db.models.deletion
import ticketing.ids
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('events', '0024_event_form'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ScheduledReport',
            fields=[
                ('id', models.UUIDField(default=ticketing.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('attendees', 'attendees'), ('tickets', 'tickets'), ('orders', 'orders'), ('admissions', 'admissions'), ('ledger', 'ledger')], max_length=12, verbose_name='content')),
                ('file_format', models.CharField(choices=[('xlsx', 'Excel (XLSX)'), ('csv', 'CSV')], default='xlsx', max_length=4, verbose_name='format')),
                ('language', models.CharField(choices=[('pt-br', 'Brazilian Portuguese'), ('en', 'English')], default='pt-br', max_length=8, verbose_name='language')),
                ('frequency', models.CharField(choices=[('daily', 'daily'), ('weekly', 'weekly'), ('monthly', 'monthly')], default='weekly', max_length=8, verbose_name='frequency')),
                ('created_at', models.DateTimeField(editable=False, verbose_name='created at')),
                ('next_at', models.DateTimeField(editable=False, verbose_name='next report')),
                ('event', models.ForeignKey(blank=True, help_text='Empty: all events, for orders and the ledger.', null=True, on_delete=django.db.models.deletion.CASCADE, related_name='scheduled_reports', to='events.event', verbose_name='event')),
                ('organizer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='scheduled_reports', to='events.organizer', verbose_name='organizer')),
                ('recipients', models.ManyToManyField(help_text='Members who may export. Each gets a mail with a link.', related_name='scheduled_reports', to=settings.AUTH_USER_MODEL, verbose_name='recipients')),
            ],
            options={
                'verbose_name': 'scheduled report',
                'verbose_name_plural': 'scheduled reports',
                'ordering': ['created_at', 'id'],
            },
        ),
        migrations.CreateModel(
            name='Export',
            fields=[
                ('id', models.UUIDField(default=ticketing.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('attendees', 'attendees'), ('tickets', 'tickets'), ('orders', 'orders'), ('admissions', 'admissions'), ('ledger', 'ledger')], max_length=12, verbose_name='content')),
                ('file_format', models.CharField(choices=[('xlsx', 'Excel (XLSX)'), ('csv', 'CSV')], default='xlsx', max_length=4, verbose_name='format')),
                ('language', models.CharField(choices=[('pt-br', 'Brazilian Portuguese'), ('en', 'English')], default='pt-br', max_length=8, verbose_name='language')),
                ('since', models.DateTimeField(blank=True, null=True, verbose_name='from')),
                ('until', models.DateTimeField(blank=True, null=True, verbose_name='until')),
                ('due_at', models.DateTimeField(editable=False, null=True)),
                ('asked_at', models.DateTimeField(verbose_name='asked at')),
                ('rows', models.PositiveIntegerField(default=0, verbose_name='rows')),
                ('place', models.JSONField(editable=False, null=True)),
                ('file_state', models.JSONField(editable=False, null=True)),
                ('upload', models.CharField(blank=True, default='', editable=False, max_length=1024)),
                ('parts', models.JSONField(default=list, editable=False)),
                ('tail', models.BinaryField(default=b'')),
                ('object_name', models.CharField(editable=False, max_length=100)),
                ('attempts', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished at')),
                ('failed_at', models.DateTimeField(null=True, verbose_name='given up at')),
                ('mailed_at', models.DateTimeField(null=True, verbose_name='mailed at')),
                ('expires_at', models.DateTimeField(verbose_name='deleted at')),
                ('leased_until', models.DateTimeField(editable=False, null=True)),
                ('asks', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('ask_again_at', models.DateTimeField(editable=False)),
                ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='exports', to=settings.AUTH_USER_MODEL, verbose_name='asked by')),
                ('event', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='exports', to='events.event', verbose_name='event')),
                ('organizer', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='exports', to='events.organizer', verbose_name='organizer')),
                ('schedule', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='exports', to='reports.scheduledreport')),
            ],
            options={
                'verbose_name': 'export',
                'verbose_name_plural': 'exports',
                'ordering': ['-asked_at', '-id'],
            },
        ),
        migrations.AddIndex(
            model_name='scheduledreport',
            index=models.Index(fields=['next_at'], name='reports_by_next_time'),
        ),
        migrations.AddConstraint(
            model_name='scheduledreport',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ('orders', 'ledger')), ('event__isnull', False), _connector='OR'), name='report_has_its_event'),
        ),
        migrations.AddIndex(
            model_name='export',
            index=models.Index(fields=['organizer', '-asked_at'], name='exports_of_an_organizer'),
        ),
        migrations.AddIndex(
            model_name='export',
            index=models.Index(fields=['ask_again_at'], name='exports_still_asking'),
        ),
        migrations.AddConstraint(
            model_name='export',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ('orders', 'ledger')), ('event__isnull', False), _connector='OR'), name='export_has_its_event'),
        ),
        migrations.AddConstraint(
            model_name='export',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['attendees', 'tickets', 'orders', 'admissions', 'ledger'])), name='export_kind_is_known'),
        ),
        migrations.AddConstraint(
            model_name='export',
            constraint=models.UniqueConstraint(fields=('schedule', 'asked_by', 'due_at'), name='one_report_per_period'),
        ),
    ]
