"""
Enter the charges and refunds of the past in the ledger, in batches.

The triggers exist already, so each later payment and refund enters itself. An entry that exists is
left as it is: the migration may be stopped and run again, beside either release.
"""

from django.db import migrations

BATCH = 1000
CHARGES = """
INSERT INTO orders_ledgerentry (organizer_id, event_id, order_id, kind, cause, method, amount,
  currency, at)
SELECT e.organizer_id, o.event_id, o.id, 'charge', p.id, p.method, p.amount, p.currency,
  coalesce(p.decided_at, p.created_at)
FROM orders_payment p JOIN orders_order o ON o.id = p.order_id
  JOIN events_event e ON e.id = o.event_id
WHERE p.id = ANY (%s) AND p.status IN ('approved', 'refunding', 'refunded') AND p.amount > 0
ON CONFLICT (cause, kind) DO NOTHING
"""
REFUNDS = """
INSERT INTO orders_ledgerentry (organizer_id, event_id, order_id, kind, cause, method, amount,
  currency, at)
SELECT e.organizer_id, o.event_id, o.id, 'refund', r.id, p.method, -r.amount, p.currency,
  r.created_at
FROM orders_refund r JOIN orders_payment p ON p.id = r.payment_id
  JOIN orders_order o ON o.id = p.order_id JOIN events_event e ON e.id = o.event_id
WHERE r.id = ANY (%s) AND r.amount > 0
ON CONFLICT (cause, kind) DO NOTHING
"""


def enter_the_past(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for table, statement in (("orders_payment", CHARGES), ("orders_refund", REFUNDS)):
            last = "00000000-0000-0000-0000-000000000000"
            while ids := next_ids(cursor, table, last):
                cursor.execute(statement, [ids])
                last = ids[-1]


def next_ids(cursor, table, last):
    cursor.execute(f"SELECT id FROM {table} WHERE id > %s ORDER BY id LIMIT {BATCH}", [last])
    return [row[0] for row in cursor.fetchall()]


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("orders", "0020_enter_refunds")]

    operations = [migrations.RunPython(enter_the_past, migrations.RunPython.noop)]
