"""Guest lists and their lines. The next migration adds the lines' orders."""

import django.db.models.deletion
import ticketing.ids
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0026_changeforbuyers'),
        ('orders', '0028_validate_promo_codes'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='GuestList',
            fields=[
                ('id', models.UUIDField(default=ticketing.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('method', models.CharField(choices=[('cash', 'cash'), ('gift', 'complimentary')], max_length=16, verbose_name='method')),
                ('reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                ('language', models.CharField(choices=[('pt-br', 'Brazilian Portuguese'), ('en', 'English')], max_length=8, verbose_name='language')),
                ('file_name', models.CharField(blank=True, max_length=200, verbose_name='file')),
                ('state', models.CharField(choices=[('checked', 'to be confirmed'), ('selling', 'in progress'), ('done', 'done')], default='checked', max_length=8, verbose_name='state')),
                ('created_at', models.DateTimeField(verbose_name='created at')),
                ('confirmed_at', models.DateTimeField(null=True, verbose_name='confirmed at')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished at')),
                ('leased_until', models.DateTimeField(editable=False, null=True)),
                ('asks', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('ask_again_at', models.DateTimeField(editable=False)),
                ('event', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='guest_lists', to='events.event', verbose_name='event')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'guest list',
                'verbose_name_plural': 'guest lists',
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='GuestLine',
            fields=[
                ('id', models.UUIDField(default=ticketing.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('row', models.PositiveSmallIntegerField(verbose_name='line')),
                ('name', models.CharField(blank=True, max_length=200, verbose_name='name')),
                ('email', models.CharField(blank=True, max_length=254, verbose_name='email')),
                ('ticket_type_text', models.CharField(blank=True, max_length=100, verbose_name='ticket type')),
                ('quantity', models.PositiveSmallIntegerField(default=0, verbose_name='quantity')),
                ('digest', models.CharField(editable=False, max_length=64)),
                ('state', models.CharField(choices=[('ready', 'ready'), ('wrong', 'wrong'), ('sold', 'sold'), ('refused', 'refused'), ('repeated', 'repeated')], max_length=8, verbose_name='state')),
                ('problem', models.CharField(blank=True, choices=[('name', 'The name is missing or too long.'), ('email', 'The email address is not valid.'), ('ticket_type', 'The event has no such ticket type.'), ('quantity', 'The quantity must be a number from 1 to 100.'), ('sold_out', 'Not enough tickets are left.'), ('closed', 'The event was cancelled, or is over.'), ('repeated', 'Another list has sold the same line.')], max_length=12, verbose_name='problem')),
                ('guest_list', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='lines', to='orders.guestlist')),
            ],
            options={
                'verbose_name': 'line',
                'verbose_name_plural': 'lines',
                'ordering': ['row'],
            },
        ),
        migrations.AddIndex(
            model_name='guestlist',
            index=models.Index(condition=models.Q(('state', 'selling')), fields=['ask_again_at'], name='guest_lists_still_selling'),
        ),
        migrations.AddIndex(
            model_name='guestlist',
            index=models.Index(fields=['-created_at', '-id'], name='guest_lists_by_age'),
        ),
        migrations.AddConstraint(
            model_name='guestline',
            constraint=models.UniqueConstraint(fields=('guest_list', 'row'), name='one_line_per_row'),
        ),
        migrations.AddConstraint(
            model_name='guestline',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'sold')), fields=('digest',), name='a_guest_line_is_sold_once'),
        ),
    ]
