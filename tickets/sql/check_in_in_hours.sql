-- Decide one scan at a gate and record it, in one round trip: find the scanner's device, the event
-- and the ticket, admit the ticket or refuse it, insert the scan.
--
-- `tickets.door.checkin` calls it. `device_token` is the digest of a device's token. If it is null,
-- the scanner is an API token or a user: `scanner` is its name, and it scans for the events of
-- `organizers`, or for all events if `organizers` is null. `only_event` is the event whose tickets
-- the scanner wants to admit, or null. `the_event` and `the_ticket` are the ids in the code.
-- `signed` is true if the caller has verified the code's signature. `seen` is when the code was
-- scanned, `written` is now.
--
-- It returns one row. `result` is the result of the scan, with the ticket's holder, type and order
-- and the door's hours, as far as they are known. Or `result` is one of these, and nothing was
-- written: 'unknown_device'; 'unknown_event' (not an event of this scanner); 'unproven' (the code
-- is not the stored text of the ticket: verify the signature and call again).
--
-- A repeated scan_id violates a unique constraint, which rolls everything back. The caller then
-- returns the result of the first scan.
--
-- Each statement of the function sees what was committed before that statement. When the UPDATE
-- does not match, the SELECT after it sees the status that another transaction has committed.
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
  -- A text that equals the stored code needs no check. PostgreSQL cannot verify any other text.
  IF NOT signed AND its_code IS DISTINCT FROM the_code THEN
    result := 'unproven'; RETURN NEXT; RETURN;
  END IF;
  IF the_event IS NULL THEN verdict := 'invalid_code';
  ELSIF event IS NULL THEN verdict := 'wrong_event';
  ELSIF ticket IS NULL THEN verdict := 'unknown_ticket';
  ELSIF event_status = 'cancelled' THEN verdict := 'event_cancelled';
  ELSE
    out_of_hours := CASE
      WHEN seen < opens THEN 'not_yet_open' WHEN seen >= closes THEN 'closed' END;
    -- Repeat if the check-in of the ticket was undone between the UPDATE and the SELECT.
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
    the_id, the_scan, coalesce('device:' || device, scanner), device, the_api_token, the_user,
    event, ticket, verdict,
    coalesce(nullif(the_gate, ''), its_gate, ''), the_code, seen, written
  );
  RETURN QUERY SELECT verdict, holder, kind, code, opens, closes, its_zone;
END $$;
