-- Decide one scan at a gate and record it, in one round trip: find the scanner's device, the event
-- and the ticket, let the ticket's holder in or out, or refuse it, insert the scan.
--
-- `tickets.door.checkin` calls it. `device_token` is the digest of a device's token. If it is null,
-- the scanner is an API token or a user: `scanner` is its name, and it scans for the events of
-- `organizers`, or for all events if `organizers` is null. `only_event` is the event whose tickets
-- the scanner wants to admit, or null. `the_event` and `the_ticket` are the ids in the code.
-- `the_direction` is 'entry' or 'exit'. `the_decision` is what a device that was offline has told
-- the guest, 'admitted' or 'refused', else ''. `signed` is true if the caller has verified the
-- code's signature. `seen` is when the code was scanned, `written` is now.
--
-- It returns one row. `result` is the result of the scan, with the ticket's holder, type and order
-- and the door's hours, as far as they are known. `is_inside` is true if the holder is inside after
-- the scan, `unused` is the number of tickets that came with this one and may still be used,
-- `conflict` is true if a device let somebody in whom the rules refuse. Or `result` is one of these,
-- and nothing was written: 'unknown_device'; 'unknown_event' (not an event of this scanner);
-- 'unproven' (the code is not the stored text of the ticket: verify the signature and call again).
--
-- A repeated scan_id violates a unique constraint, which rolls everything back. The caller then
-- returns the result of the first scan.
--
-- A code of no event of the scanner is recorded for the event at whose door it was shown: the one
-- that the scanner names, else the device's event whose door closes next. So its refusal counts.
--
-- Each statement of the function sees what was committed before that statement. When an UPDATE
-- does not match, the SELECT after it sees what another transaction has committed.
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
  device uuid; gate text; door uuid; obstacle text; late boolean; clash boolean;
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
  door := event;
  IF event IS DISTINCT FROM the_event THEN event := NULL; END IF;
  -- A text that equals the stored code needs no check. PostgreSQL cannot verify any other text.
  IF NOT signed AND its_code IS DISTINCT FROM the_code THEN
    result := 'unproven'; RETURN NEXT; RETURN;
  END IF;
  IF the_event IS NULL THEN verdict := 'invalid_code';
  ELSIF event IS NULL THEN verdict := 'wrong_event';
  ELSIF ticket IS NULL THEN verdict := 'unknown_ticket';
  -- Guests may always leave.
  ELSIF event_status = 'cancelled' AND the_direction = 'entry' THEN verdict := 'event_cancelled';
  ELSE
    late := seen < written;
    obstacle := CASE WHEN the_direction = 'exit' THEN NULL
      WHEN NOT gate_admits(event, gate, kind) THEN 'wrong_gate'
      WHEN seen < opens THEN 'not_yet_open' WHEN seen >= closes THEN 'closed' END;
    -- The guest is inside: a ticket that stayed valid would let in another one.
    IF the_decision = 'admitted' AND obstacle IS NOT NULL THEN
      clash := true; obstacle := NULL;
    ELSIF the_decision = 'refused' THEN
      obstacle := coalesce(obstacle, 'turned_away');
    END IF;
    IF rule = 'once_a_day' THEN today := (seen AT TIME ZONE its_zone)::date; END IF;
    IF the_direction = 'exit' OR rule <> 'never' OR late THEN
      -- Scans of one ticket at once: the second one must read the row and the scan of the first.
      -- The usual scan needs no lock, because its UPDATE decides.
      PERFORM FROM tickets_ticket t WHERE t.id = ticket FOR NO KEY UPDATE;
    END IF;
    IF late THEN
      -- An offline device reports it late: what was known before it, and what came after it?
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
    -- Repeat if the check-in of the ticket was undone between the UPDATE and the SELECT.
    WHILE verdict IS NULL LOOP
      IF the_direction = 'entry' AND obstacle IS NULL THEN
        UPDATE tickets_ticket t SET status = 'used', used_at = seen, last_entry_at = seen,
            inside = last_after IS DISTINCT FROM 'exit', entry_gate = gate
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
            inside = last_after IS DISTINCT FROM 'exit',
            entry_gate = CASE WHEN seen >= greatest(t.last_entry_at, t.used_at) THEN gate
              ELSE t.entry_gate END
          WHERE t.id = ticket RETURNING t.inside INTO inside;
        verdict := 'readmitted'; entry_day := today;
      END IF;
    END LOOP;
    IF verdict IN ('admitted', 'readmitted', 'already_used') THEN
      SELECT count(*) INTO in_party FROM party_of(ticket, gate);
    END IF;
  END IF;
  IF door IS NULL THEN
    SELECT e.id INTO door FROM tickets_device d JOIN events_event e
        ON e.organizer_id = d.organizer_id AND e.status IN ('published', 'cancelled')
          AND (d.all_events OR EXISTS (
            SELECT FROM tickets_device_events g WHERE g.device_id = d.id AND g.event_id = e.id))
      WHERE d.id = device AND coalesce(e.checkin_ends_at, e.ends_at) > seen
      ORDER BY coalesce(e.checkin_ends_at, e.ends_at), e.id LIMIT 1;
  END IF;
  clash := the_decision = 'admitted' AND the_direction = 'entry'
    AND (clash IS TRUE OR verdict NOT IN ('admitted', 'readmitted'));
  INSERT INTO tickets_scan (
    id, scan_id, scanned_by, device_id, api_token_id, user_id, event_id, ticket_id, result, gate,
    code, scanned_at, recorded_at, direction, decision, conflict, entry_day
  ) VALUES (
    the_id, the_scan, coalesce('device:' || device, scanner), device, the_api_token, the_user,
    door, ticket, verdict, gate, the_code, seen, written, the_direction, the_decision, clash,
    entry_day
  );
  RETURN QUERY SELECT verdict, holder, kind_name, code, opens, closes, its_zone,
    coalesce(inside, false), coalesce(in_party, 0), clash;
END $$;
