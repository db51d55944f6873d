-- Refuse the ticket type that would be the event's 51st, as the constraint
-- `fifty_ticket_types_at_most`.
--
-- The trigger calls it before each INSERT and inserts the row that it returns. The code in
-- `events.ticket_types` counts first, for a better error; this decides between concurrent inserts.
CREATE FUNCTION cap_ticket_types() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- The lock on the event's row makes concurrent inserts wait, so that each counts the others'
  -- rows.
  PERFORM FROM events_event e WHERE e.id = NEW.event_id FOR NO KEY UPDATE;
  IF (SELECT count(*) FROM events_tickettype k WHERE k.event_id = NEW.event_id) >= 50 THEN
    RAISE EXCEPTION 'An event has 50 ticket types at most.' USING ERRCODE = 'check_violation',
      TABLE = 'events_tickettype', CONSTRAINT = 'fifty_ticket_types_at_most';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER cap_ticket_types BEFORE INSERT ON events_tickettype
  FOR EACH ROW EXECUTE FUNCTION cap_ticket_types();
