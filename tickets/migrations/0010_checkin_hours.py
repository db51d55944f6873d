"""
A door with hours, and a check-in that can be undone.

`check_in` stays for the release before this one; `check_in_in_hours` takes the same arguments and
knows the hours. `announce_ticket` tells of a used ticket that becomes valid as undone, not as
issued. No code of the release before does that, so it may go on with the new text.
"""

from django.db import migrations, models

# Each statement of a function sees what was committed before it. So when the UPDATE finds the
# ticket gone, the SELECT after it sees by whom.
CREATE = """
CREATE FUNCTION check_in_in_hours(
  the_id uuid, the_scan uuid, scanner text, device_token text, the_api_token uuid, the_user bigint,
  organizers uuid[], only_event uuid, the_event uuid, the_ticket uuid, the_code text, the_gate text,
  signed boolean, seen timestamptz, written timestamptz
) RETURNS TABLE (
  result text, holder_name text, ticket_type text, order_code text,
  opens_at timestamptz, closes_at timestamptz, zone text
)
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  verdict text; event uuid; event_status text; ticket uuid; found_status text;
  holder text; kind text; code text; its_code text; out_of_hours text;
  opens timestamptz; closes timestamptz; its_zone text;
  device uuid; its_gate text;
BEGIN
  SELECT d.id, d.gate, e.id, e.status, e.checkin_starts_at, e.checkin_ends_at, e.timezone,
      t.id, t.code, t.holder_name, k.name, o.code
    INTO device, its_gate, event, event_status, opens, closes, its_zone,
      ticket, its_code, holder, kind, code
    FROM (SELECT) one
    LEFT JOIN tickets_device d ON d.digest = device_token AND d.revoked_at IS NULL
    LEFT JOIN events_event e ON e.id = coalesce(only_event, the_event) AND CASE
      WHEN device_token IS NULL THEN organizers IS NULL OR e.organizer_id = ANY (organizers)
      ELSE e.organizer_id = d.organizer_id AND (d.all_events OR EXISTS (
        SELECT FROM tickets_device_events g WHERE g.device_id = d.id AND g.event_id = e.id)) END
    LEFT JOIN tickets_ticket t ON t.id = the_ticket AND t.event_id = e.id AND e.id = the_event
    LEFT JOIN events_tickettype k ON k.id = t.ticket_type_id
    LEFT JOIN orders_order o ON o.id = t.order_id;
  IF device_token IS NOT NULL AND device IS NULL THEN
    result := 'unknown_device'; RETURN NEXT; RETURN;
  END IF;
  IF only_event IS NOT NULL AND event IS NULL THEN
    result := 'unknown_event'; RETURN NEXT; RETURN;
  END IF;
  IF event IS DISTINCT FROM the_event THEN event := NULL; END IF;
  -- A code that we have written is ours. Any other must have our signature, which is not seen here.
  IF NOT signed AND its_code IS DISTINCT FROM the_code THEN
    result := 'unproven'; RETURN NEXT; RETURN;
  END IF;
  IF the_event IS NULL THEN verdict := 'invalid_code';
  ELSIF event IS NULL THEN verdict := 'wrong_event';
  ELSIF ticket IS NULL THEN verdict := 'unknown_ticket';
  ELSIF event_status = 'cancelled' THEN verdict := 'event_cancelled';
  ELSE
    out_of_hours := CASE WHEN seen < opens THEN 'not_yet_open' WHEN seen >= closes THEN 'closed' END;
    -- Again, if its check-in was undone between the two statements.
    WHILE verdict IS NULL LOOP
      IF out_of_hours IS NULL THEN
        UPDATE tickets_ticket t SET status = 'used', used_at = seen
          WHERE t.id = ticket AND t.status = 'valid';
        IF FOUND THEN verdict := 'admitted'; EXIT; END IF;
      END IF;
      SELECT t.status INTO found_status FROM tickets_ticket t WHERE t.id = ticket;
      verdict := CASE found_status
        WHEN 'revoked' THEN 'revoked' WHEN 'used' THEN 'already_used' ELSE out_of_hours END;
    END LOOP;
  END IF;
  INSERT INTO tickets_scan (
    id, scan_id, scanned_by, device_id, api_token_id, user_id, event_id, ticket_id, result, gate,
    code, scanned_at, recorded_at
  ) VALUES (
    the_id, the_scan, coalesce('device:' || device, scanner), device, the_api_token, the_user, event,
    ticket, verdict,
    coalesce(nullif(the_gate, ''), its_gate, ''), the_code, seen, written
  );
  RETURN QUERY SELECT verdict, holder, kind, code, opens, closes, its_zone;
END $$
"""

ANNOUNCE = """
CREATE OR REPLACE FUNCTION announce_ticket() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE event events_event; kind text; the_code text;
BEGIN
  IF NOT EXISTS (SELECT FROM events_webhookendpoint) THEN RETURN NULL; END IF;
  SELECT * INTO event FROM events_event e WHERE e.id = NEW.event_id;
  SELECT k.name INTO kind FROM events_tickettype k WHERE k.id = NEW.ticket_type_id;
  SELECT o.code INTO the_code FROM orders_order o WHERE o.id = NEW.order_id;
  PERFORM announce(
    event.organizer_id,
    CASE NEW.status
      WHEN 'valid' THEN CASE TG_OP WHEN 'INSERT' THEN 'ticket.issued' ELSE 'ticket.checkin_undone' END
      WHEN 'used' THEN 'ticket.admitted' ELSE 'ticket.revoked' END,
    NEW.order_id,
    jsonb_build_object(
      'id', NEW.id, 'status', NEW.status, 'event', describe_event(event),
      'order', jsonb_build_object('id', NEW.order_id, 'code', the_code),
      'ticket_type', jsonb_build_object('id', NEW.ticket_type_id, 'name', kind),
      'created_at', NEW.created_at, 'used_at', NEW.used_at, 'revoked_at', NEW.revoked_at,
      'replaced_by', NEW.replaced_by_id));
  RETURN NULL;
END $$;
"""
ANNOUNCE_AS_BEFORE = """
CREATE OR REPLACE FUNCTION announce_ticket() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE event events_event; kind text; the_code text;
BEGIN
  IF NOT EXISTS (SELECT FROM events_webhookendpoint) THEN RETURN NULL; END IF;
  SELECT * INTO event FROM events_event e WHERE e.id = NEW.event_id;
  SELECT k.name INTO kind FROM events_tickettype k WHERE k.id = NEW.ticket_type_id;
  SELECT o.code INTO the_code FROM orders_order o WHERE o.id = NEW.order_id;
  PERFORM announce(
    event.organizer_id,
    CASE NEW.status
      WHEN 'valid' THEN 'ticket.issued' WHEN 'used' THEN 'ticket.admitted' ELSE 'ticket.revoked' END,
    NEW.order_id,
    jsonb_build_object(
      'id', NEW.id, 'status', NEW.status, 'event', describe_event(event),
      'order', jsonb_build_object('id', NEW.order_id, 'code', the_code),
      'ticket_type', jsonb_build_object('id', NEW.ticket_type_id, 'name', kind),
      'created_at', NEW.created_at, 'used_at', NEW.used_at, 'revoked_at', NEW.revoked_at,
      'replaced_by', NEW.replaced_by_id));
  RETURN NULL;
END $$;
"""
RESULTS = [
    ("admitted", "admitted"),
    ("already_used", "already used"),
    ("revoked", "revoked"),
    ("wrong_event", "wrong event"),
    ("event_cancelled", "event cancelled"),
    ("not_yet_open", "not yet open"),
    ("closed", "closed"),
    ("invalid_code", "invalid code"),
    ("unknown_ticket", "unknown ticket"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0014_checkin_hours"),
        ("tickets", "0009_index_failed_deliveries"),
    ]

    operations = [
        migrations.AddField(
            "device",
            "is_supervisor",
            models.BooleanField(
                db_default=False,
                default=False,
                help_text="May undo a check-in within 15 minutes.",
                verbose_name="supervisor",
            ),
        ),
        migrations.AddField(
            "scan", "undone_at", models.DateTimeField(null=True, verbose_name="undone at")
        ),
        migrations.AddField(
            "scan",
            "undone_by",
            models.CharField(db_default="", default="", editable=False, max_length=60),
        ),
        migrations.AlterField(
            "scan",
            "result",
            models.CharField(choices=RESULTS, max_length=16, verbose_name="result"),
        ),
        migrations.RunSQL(CREATE, "DROP FUNCTION check_in_in_hours"),
        migrations.RunSQL(ANNOUNCE, ANNOUNCE_AS_BEFORE),
    ]
