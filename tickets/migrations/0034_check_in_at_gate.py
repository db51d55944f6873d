"""
A door with re-entry, exits and gates for some ticket types.

`check_in` stays for the release before this one.
"""

from django.db import migrations

# Each statement of a plpgsql function sees what was committed before it. So when an UPDATE finds
# the ticket gone, the SELECT after it sees by whom.
GATE = """
CREATE FUNCTION gate_admits(the_event uuid, the_gate text, the_type uuid) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT NOT EXISTS (
    SELECT FROM events_gate g
    WHERE g.event_id = the_event AND lower(g.name) = lower(btrim(the_gate)) AND NOT EXISTS (
      SELECT FROM events_gate_ticket_types k
      WHERE k.gate_id = g.id AND k.tickettype_id = the_type))
$$
"""

PARTY = """
CREATE FUNCTION party_of(the_ticket uuid, the_gate text) RETURNS TABLE (id uuid)
LANGUAGE sql STABLE AS $$
  SELECT t.id FROM tickets_ticket own JOIN tickets_ticket t
    ON t.order_id = own.order_id AND t.event_id = own.event_id
      AND t.transfer_id IS NOT DISTINCT FROM own.transfer_id
  WHERE own.id = the_ticket AND t.status = 'valid'
    AND gate_admits(t.event_id, the_gate, t.ticket_type_id)
$$
"""

CHECK_IN = """
CREATE FUNCTION check_in_at_gate(
  the_id uuid, the_scan uuid, scanner text, device_token text, the_api_token uuid, the_user bigint,
  organizers uuid[], only_event uuid, the_event uuid, the_ticket uuid, the_code text, the_gate text,
  the_direction text, the_decision text, signed boolean, seen timestamptz, written timestamptz
) RETURNS TABLE (
  result text, holder_name text, ticket_type text, order_code text,
  opens_at timestamptz, closes_at timestamptz, zone text,
  is_inside boolean, unused integer, is_conflict boolean
)
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
  verdict text; event uuid; event_status text; rule text; ticket uuid; found_status text;
  holder text; kind uuid; kind_name text; code text; its_code text;
  opens timestamptz; closes timestamptz; its_zone text; today date; entry_day date;
  device uuid; gate text; obstacle text; late boolean; clash boolean;
  inside boolean; was_inside boolean;
  last_before text; first_after text; last_after text; in_party integer;
BEGIN
  SELECT d.id, coalesce(nullif(the_gate, ''), d.gate, ''), e.id, e.status, e.reentry,
      e.checkin_starts_at, e.checkin_ends_at, e.timezone,
      t.id, t.code, t.holder_name, t.ticket_type_id, k.name, o.code
    INTO device, gate, event, event_status, rule, opens, closes, its_zone,
      ticket, its_code, holder, kind, kind_name, code
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
  IF NOT signed AND its_code IS DISTINCT FROM the_code THEN
    result := 'unproven'; RETURN NEXT; RETURN;
  END IF;
  IF the_event IS NULL THEN verdict := 'invalid_code';
  ELSIF event IS NULL THEN verdict := 'wrong_event';
  ELSIF ticket IS NULL THEN verdict := 'unknown_ticket';
  ELSIF event_status = 'cancelled' AND the_direction = 'entry' THEN verdict := 'event_cancelled';
  ELSE
    late := seen < written;
    obstacle := CASE WHEN the_direction = 'exit' THEN NULL
      WHEN NOT gate_admits(event, gate, kind) THEN 'wrong_gate'
      WHEN seen < opens THEN 'not_yet_open' WHEN seen >= closes THEN 'closed' END;
    IF the_decision = 'admitted' AND obstacle IS NOT NULL THEN
      clash := true; obstacle := NULL;
    ELSIF the_decision = 'refused' THEN
      obstacle := coalesce(obstacle, 'turned_away');
    END IF;
    IF rule = 'once_a_day' THEN today := (seen AT TIME ZONE its_zone)::date; END IF;
    IF the_direction = 'exit' OR rule <> 'never' OR late THEN
      PERFORM FROM tickets_ticket t WHERE t.id = ticket FOR NO KEY UPDATE;
    END IF;
    IF late THEN
      SELECT s.direction INTO last_before FROM tickets_scan s
        WHERE s.ticket_id = ticket AND s.scanned_at <= seen AND s.undone_at IS NULL
          AND s.result IN ('admitted', 'readmitted', 'exited')
        ORDER BY s.scanned_at DESC, s.recorded_at DESC LIMIT 1;
      SELECT (array_agg(s.direction ORDER BY s.scanned_at))[1],
          (array_agg(s.direction ORDER BY s.scanned_at DESC))[1]
        INTO first_after, last_after FROM tickets_scan s
        WHERE s.ticket_id = ticket AND s.scanned_at > seen AND s.undone_at IS NULL
          AND s.result IN ('admitted', 'readmitted', 'exited', 'not_inside');
    END IF;
    WHILE verdict IS NULL LOOP
      IF the_direction = 'entry' AND obstacle IS NULL THEN
        UPDATE tickets_ticket t SET status = 'used', used_at = seen, last_entry_at = seen,
            inside = last_after IS DISTINCT FROM 'exit'
          WHERE t.id = ticket AND t.status = 'valid' RETURNING t.inside INTO inside;
        IF FOUND THEN verdict := 'admitted'; entry_day := today; EXIT; END IF;
      END IF;
      SELECT t.status, t.status = 'used' AND coalesce(t.inside, true) INTO found_status, inside
        FROM tickets_ticket t WHERE t.id = ticket;
      was_inside := CASE WHEN late THEN last_before IS NOT DISTINCT FROM 'entry' ELSE inside END;
      IF found_status = 'revoked' THEN verdict := 'revoked';
      ELSIF the_direction = 'exit' THEN
        IF NOT was_inside THEN verdict := 'not_inside';
        ELSIF obstacle IS NOT NULL THEN verdict := obstacle;
        ELSE
          UPDATE tickets_ticket t SET inside = last_after IS NOT DISTINCT FROM 'entry'
            WHERE t.id = ticket RETURNING t.inside INTO inside;
          verdict := 'exited';
        END IF;
      ELSIF found_status = 'valid' THEN verdict := obstacle;
      ELSIF rule = 'never'
        OR rule = 'always' AND (was_inside OR first_after IS NOT DISTINCT FROM 'entry')
        OR rule = 'once_a_day' AND EXISTS (
          SELECT FROM tickets_scan s WHERE s.ticket_id = ticket AND s.undone_at IS NULL
            AND s.result IN ('admitted', 'readmitted')
            AND today = coalesce(s.entry_day, (s.scanned_at AT TIME ZONE its_zone)::date))
      THEN verdict := 'already_used';
      ELSIF obstacle IS NOT NULL THEN verdict := obstacle;
      ELSE
        UPDATE tickets_ticket t SET last_entry_at = greatest(t.last_entry_at, t.used_at, seen),
            inside = last_after IS DISTINCT FROM 'exit'
          WHERE t.id = ticket RETURNING t.inside INTO inside;
        verdict := 'readmitted'; entry_day := today;
      END IF;
    END LOOP;
    IF verdict IN ('admitted', 'readmitted', 'already_used') THEN
      SELECT count(*) INTO in_party FROM party_of(ticket, gate);
    END IF;
  END IF;
  clash := the_decision = 'admitted' AND the_direction = 'entry'
    AND (clash IS TRUE OR verdict NOT IN ('admitted', 'readmitted'));
  INSERT INTO tickets_scan (
    id, scan_id, scanned_by, device_id, api_token_id, user_id, event_id, ticket_id, result, gate,
    code, scanned_at, recorded_at, direction, decision, conflict, entry_day
  ) VALUES (
    the_id, the_scan, coalesce('device:' || device, scanner), device, the_api_token, the_user,
    event, ticket, verdict, gate, the_code, seen, written, the_direction, the_decision, clash,
    entry_day
  );
  RETURN QUERY SELECT verdict, holder, kind_name, code, opens, closes, its_zone,
    coalesce(inside, false), coalesce(in_party, 0), clash;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("tickets", "0033_one_entry_a_day"),
        ("events", "0042_types_of_gates"),
    ]

    operations = [
        migrations.RunSQL(GATE, "DROP FUNCTION gate_admits"),
        migrations.RunSQL(PARTY, "DROP FUNCTION party_of"),
        migrations.RunSQL(CHECK_IN, "DROP FUNCTION check_in_at_gate"),
    ]
