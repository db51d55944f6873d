"""One round trip for a scan: look, mark and write down, and no window between them."""

from django.db import migrations

# Each statement of a function sees what was committed before it. So when the UPDATE finds the
# ticket gone, the SELECT after it sees by whom.
CREATE = """
CREATE FUNCTION check_in(
  the_id uuid, the_scan uuid, scanner text, the_device uuid, the_api_token uuid, the_user bigint,
  organizers uuid[], given_events_only boolean, only_event uuid,
  the_event uuid, the_ticket uuid, the_code text, the_gate text,
  seen timestamptz, written timestamptz
) RETURNS TABLE (result text, holder_name text, ticket_type text, order_code text)
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  verdict text; event uuid; event_status text; ticket uuid; found_status text;
  holder text; kind text; code text;
BEGIN
  SELECT e.id, e.status INTO event, event_status FROM events_event e
    WHERE e.id = the_event
      AND (organizers IS NULL OR e.organizer_id = ANY (organizers))
      AND (only_event IS NULL OR e.id = only_event)
      AND (NOT given_events_only OR EXISTS (
        SELECT FROM tickets_device_events d WHERE d.device_id = the_device AND d.event_id = e.id));
  SELECT t.id, t.holder_name, k.name, o.code INTO ticket, holder, kind, code
    FROM tickets_ticket t
    JOIN events_tickettype k ON k.id = t.ticket_type_id
    JOIN orders_order o ON o.id = t.order_id
    WHERE t.id = the_ticket AND t.event_id = event;
  IF the_event IS NULL THEN verdict := 'invalid_code';
  ELSIF event IS NULL THEN verdict := 'wrong_event';
  ELSIF ticket IS NULL THEN verdict := 'unknown_ticket';
  ELSIF event_status = 'cancelled' THEN verdict := 'event_cancelled';
  ELSE
    UPDATE tickets_ticket t SET status = 'used', used_at = seen
      WHERE t.id = ticket AND t.status = 'valid';
    IF FOUND THEN verdict := 'admitted';
    ELSE
      SELECT t.status INTO found_status FROM tickets_ticket t WHERE t.id = ticket;
      verdict := CASE found_status WHEN 'revoked' THEN 'revoked' ELSE 'already_used' END;
    END IF;
  END IF;
  INSERT INTO tickets_scan (
    id, scan_id, scanned_by, device_id, api_token_id, user_id, event_id, ticket_id, result, gate,
    code, scanned_at, recorded_at
  ) VALUES (
    the_id, the_scan, scanner, the_device, the_api_token, the_user, event, ticket, verdict,
    the_gate, the_code, seen, written
  );
  RETURN QUERY SELECT verdict, holder, kind, code;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0002_devices_for_all_events"),
        ("orders", "0005_fewer_indexes"),
        ("events", "0002_event_revision"),
    ]

    operations = [migrations.RunSQL(CREATE, "DROP FUNCTION check_in")]
