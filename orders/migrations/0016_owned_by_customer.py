"""Paying counts what the customer owns already."""

from django.db import migrations

# As orders/sql/owned_by_customer.sql was then.
CREATE = """
CREATE FUNCTION owned_by_customer(the_event uuid, the_order uuid, email text) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(5, hashtext(counted_email(email) || the_event));
  -- A statement of its own: it sees what was committed while we waited for the lock.
  RETURN (
    SELECT coalesce(sum(i.quantity - i.returned), 0) FROM orders_order o
      JOIN orders_orderitem i ON i.order_id = o.id
      WHERE o.event_id = the_event AND counted_email(o.customer_email) = counted_email(email)
        AND o.status IN ('processing', 'paid') AND o.id <> the_order
  );
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("orders", "0015_email_confirmation")]

    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION owned_by_customer(uuid, uuid, text)")]
