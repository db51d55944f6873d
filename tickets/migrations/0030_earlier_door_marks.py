"""
Mark the tickets that were used or revoked before the trigger was there.

It locks no ticket. A ticket that changes meanwhile has its mark from the trigger, which stays.
"""

from django.db import migrations

MARK = """
INSERT INTO tickets_doormark (ticket_id, event_id, changed_in)
SELECT id, event_id, pg_current_xact_id()::text::bigint FROM tickets_ticket
WHERE status <> 'valid' ON CONFLICT (ticket_id) DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [("tickets", "0029_door_marks")]

    operations = [migrations.RunSQL(MARK, migrations.RunSQL.noop)]
