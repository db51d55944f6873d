"""Promo codes. A migration of their own: a transaction that locks two tables of a sale can deadlock with it."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import ticketing.clock
import ticketing.ids
import ticketing.text
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('events', '0025_hidden_ticket_types'),
        ('orders', '0024_box_office'),
    ]

    operations = [
        migrations.CreateModel(
            name='PromoCode',
            fields=[
                ('id', models.UUIDField(default=ticketing.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('code', models.CharField(max_length=32, validators=[django.core.validators.RegexValidator('^[A-Z0-9-]{3,32}\\Z', 'Use 3 to 32 letters A-Z, digits and hyphens.')], verbose_name='code')),
                ('note', models.CharField(blank=True, default='', help_text='Only you see it: for whom the code is, for example.', max_length=200, validators=[ticketing.text.refuse_control_characters], verbose_name='note')),
                ('percent', models.DecimalField(blank=True, decimal_places=2, max_digits=5, null=True, validators=[django.core.validators.MinValueValidator(0), django.core.validators.MaxValueValidator(100)], verbose_name='discount in percent')),
                ('amount', models.DecimalField(blank=True, decimal_places=2, help_text='An amount of money. A ticket never costs less than zero.', max_digits=10, null=True, validators=[django.core.validators.MinValueValidator(0)], verbose_name='discount per ticket')),
                ('max_uses', models.PositiveIntegerField(blank=True, help_text='How many orders may have it. Empty: any number.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10000)], verbose_name='most uses')),
                ('valid_from', models.DateTimeField(blank=True, null=True, validators=[ticketing.clock.validate_plausible_date], verbose_name='valid from')),
                ('valid_until', models.DateTimeField(blank=True, null=True, validators=[ticketing.clock.validate_plausible_date], verbose_name='valid until')),
                ('ticket_types', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), blank=True, default=list, size=None, verbose_name='only for these ticket types')),
                ('unlocked_types', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), blank=True, default=list, size=None, verbose_name='unlocks hidden ticket types')),
                ('min_tickets', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)], verbose_name='fewest tickets in one order')),
                ('max_tickets', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)], verbose_name='most tickets in one order')),
                ('is_active', models.BooleanField(default=True, help_text='Nobody can use a code that is not active.', verbose_name='active')),
                ('revision', models.BigIntegerField(default=1, editable=False)),
                ('created_at', models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name='created at')),
            ],
            options={
                'verbose_name': 'promo code',
                'verbose_name_plural': 'promo codes',
                'ordering': ['-created_at', '-id'],
            },
        ),
        migrations.AddField(
            model_name='promocode',
            name='event',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='promo_codes', to='events.event', verbose_name='event'),
        ),
        migrations.AddIndex(
            model_name='promocode',
            index=models.Index(fields=['event', '-created_at', '-id'], name='promo_codes_of_an_event'),
        ),
        migrations.AddConstraint(
            model_name='promocode',
            constraint=models.UniqueConstraint(fields=('event', 'code'), name='one_promo_code_of_a_name', violation_error_message='This event already has that promo code.'),
        ),
        migrations.AddConstraint(
            model_name='promocode',
            constraint=models.CheckConstraint(condition=models.Q(('code__regex', '^[A-Z0-9-]{3,32}\\Z')), name='promo_code_is_readable'),
        ),
        migrations.AddConstraint(
            model_name='promocode',
            constraint=models.CheckConstraint(condition=models.Q(('percent__isnull', True), ('amount__isnull', True), _connector='OR'), name='promo_code_has_one_discount', violation_error_message='Enter a percentage or an amount, not both.'),
        ),
        migrations.AddConstraint(
            model_name='promocode',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('percent__isnull', True), models.Q(('percent__gte', 0), ('percent__lte', 100)), _connector='OR'), models.Q(('amount__isnull', True), ('amount__gte', 0), _connector='OR')), name='promo_code_lowers_prices', violation_error_message='A discount is 0 to 100 percent, or a positive amount.'),
        ),
        migrations.AddConstraint(
            model_name='promocode',
            constraint=models.CheckConstraint(condition=models.Q(('valid_from__isnull', True), ('valid_until__isnull', True), ('valid_until__gt', models.F('valid_from')), _connector='OR'), name='promo_code_ends_after_it_starts', violation_error_message='The promo code must end after it starts.'),
        ),
        migrations.AddConstraint(
            model_name='promocode',
            constraint=models.CheckConstraint(condition=models.Q(('min_tickets__gte', 1), models.Q(('max_tickets__isnull', True), ('max_tickets__gte', models.F('min_tickets')), _connector='OR')), name='promo_code_allows_some_quantity', violation_error_message='The most tickets must not be fewer than the fewest.'),
        ),
        migrations.AddConstraint(
            model_name='promocode',
            constraint=models.CheckConstraint(condition=models.Q(('max_uses__isnull', True), models.Q(('max_uses__gte', 1), ('max_uses__lte', 10000)), _connector='OR'), name='promo_code_can_be_used'),
        ),
    ]
