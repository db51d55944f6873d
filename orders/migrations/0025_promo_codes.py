"""Promo codes, the promo code of an order, and the function that reserves with one."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
import ticketing.clock
import ticketing.ids
import ticketing.text
from django.db import migrations, models

# Validated in a later migration, which does not block the sale.
ADD_KEY = """
ALTER TABLE orders_order ADD CONSTRAINT promo_code_of_an_order FOREIGN KEY (promo_code_id)
  REFERENCES orders_promocode (id) DEFERRABLE INITIALLY DEFERRED NOT VALID
"""
DROP_KEY = "ALTER TABLE orders_order DROP CONSTRAINT promo_code_of_an_order"
# As orders/sql/reserve_with_promo.sql was then.
CREATE = """
CREATE FUNCTION reserve_with_promo(
  the_promo uuid, promo_revision bigint, list_prices numeric[],
  the_order uuid, the_event uuid, event_number int, known_revision bigint, held_in bigint,
  the_code text, name text, email text, the_language text, token_digest text, the_currency text,
  the_total numeric, the_address text, the_network text,
  per_customer int, per_address int, held_per_address int,
  ticket_types uuid[], quantities int[], unit_prices numeric[]
) RETURNS TABLE (outcome text, epoch bigint, created_at timestamptz, reserved_until timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE promo record; written record; uses bigint;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(1, event_number);
  SELECT p.code, p.max_uses INTO promo FROM orders_promocode p
    WHERE p.id = the_promo AND p.revision = promo_revision AND p.event_id = the_event;
  IF promo.max_uses IS NULL THEN
    PERFORM FROM orders_promocode p
      WHERE p.id = the_promo AND p.revision = promo_revision FOR SHARE;
  ELSE
    PERFORM FROM orders_promocode p
      WHERE p.id = the_promo AND p.revision = promo_revision FOR NO KEY UPDATE;
  END IF;
  IF NOT FOUND OR promo.code IS NULL THEN
    RETURN QUERY SELECT 'promo_changed', NULL::bigint, NULL::timestamptz, NULL::timestamptz; RETURN;
  END IF;
  IF promo.max_uses IS NOT NULL THEN
    -- A separate statement, so that it sees what was committed during the wait for the lock.
    uses := (
      SELECT count(*) FROM (
        SELECT FROM orders_order o WHERE o.promo_code_id = the_promo
          AND o.status IN ('reserved', 'processing', 'paid') LIMIT promo.max_uses
      ) AS u
    );
    IF uses >= promo.max_uses THEN
      RETURN QUERY SELECT 'promo_used_up', NULL::bigint, NULL::timestamptz, NULL::timestamptz;
      RETURN;
    END IF;
  END IF;
  SELECT * INTO written FROM reserve_order(
    the_order, the_event, event_number, known_revision, held_in, the_code, name, email,
    the_language, token_digest, the_currency, the_total, the_address, the_network, per_customer,
    per_address, held_per_address, ticket_types, quantities, unit_prices);
  IF written.outcome = 'written' THEN
    UPDATE orders_order o SET promo_code_id = the_promo, promo_text = promo.code
      WHERE o.id = the_order;
    UPDATE orders_orderitem i SET list_price = l.price
      FROM unnest(ticket_types, list_prices) AS l(ticket_type, price)
      WHERE i.order_id = the_order AND i.ticket_type_id = l.ticket_type;
  END IF;
  RETURN QUERY SELECT
    written.outcome, written.epoch, written.created_at, written.reserved_until;
END $$;
"""
DROP = "DROP FUNCTION reserve_with_promo"


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
            model_name='order',
            name='promo_text',
            field=models.CharField(db_default='', default='', max_length=32, verbose_name='promo code'),
        ),
        migrations.AddField(
            model_name='promocode',
            name='event',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='promo_codes', to='events.event', verbose_name='event'),
        ),
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.AddField(
                    model_name='order',
                    name='promo_code',
                    field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='orders.promocode', verbose_name='promo code'),
                ),
                migrations.RunSQL(ADD_KEY, DROP_KEY),
            ],
            state_operations=[
                migrations.AddField(
                    model_name='order',
                    name='promo_code',
                    field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='orders', to='orders.promocode', verbose_name='promo code'),
                ),
            ],
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
        migrations.RunSQL(CREATE, DROP),
    ]
