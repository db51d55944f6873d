-- Decide one scan at a gate and write it down, in one round trip: find the scanner's device, the
-- event and the ticket, admit the ticket or not, insert the scan.
--
-- `tickets.door.checkin` calls it. `device_token` is the digest of a device's token, or null: then
-- `scanner` names who scans, for the events of `organizers`, or for all events if that is null.
-- `only_event` is the event whose door is meant, if the scanner named one. `the_event` and
-- `the_ticket` are what the code names. `signed` says that the caller has checked the code's
-- signature. `seen` is when the code was scanned, `written` is now.
--
-- It returns one row. `result` is that of the scan, with the ticket's holder, type and order and
-- the door's hours, as far as they are known. Or it is one of these, and nothing was written:
-- 'unknown_device', 'unknown_event' (not one of this scanner), 'unproven' (not the text that we
-- stored: check the signature and call again).
--
-- A repeated scan breaks a unique constraint, which undoes all of it: the caller returns the result
-- of the first.
--
-- Each statement of a function sees what was committed before it. So when the UPDATE finds the
-- ticket gone, the SELECT after it sees by whom.
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
    out_of_hours := CASE
      WHEN seen < opens THEN 'not_yet_open' WHEN seen >= closes THEN 'closed' END;
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
    the_id, the_scan, coalesce('device:' || device, scanner), device, the_api_token, the_user,
    event, ticket, verdict,
    coalesce(nullif(the_gate, ''), its_gate, ''), the_code, seen, written
  );
  RETURN QUERY SELECT verdict, holder, kind, code, opens, closes, its_zone;
END $$;
