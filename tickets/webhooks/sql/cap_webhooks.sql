-- Refuse the 17th webhook endpoint of an organizer, as a violation of the constraint
-- `sixteen_webhooks_at_most`.
--
-- A trigger calls it before each INSERT; it returns the row to insert. The Python function
-- `refuse_too_many_webhooks` checks the number first; this function decides when two transactions
-- insert at once.
CREATE FUNCTION cap_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- Lock the organizer's row, so that of two transactions that insert at once, the second counts
  -- the row of the first.
  PERFORM FROM events_organizer o WHERE o.id = NEW.organizer_id FOR NO KEY UPDATE;
  IF (SELECT count(*) FROM events_webhookendpoint w WHERE w.organizer_id = NEW.organizer_id) >= 16
  THEN
    RAISE EXCEPTION 'An organizer has 16 webhooks at most.' USING ERRCODE = 'check_violation',
      TABLE = 'events_webhookendpoint', CONSTRAINT = 'sixteen_webhooks_at_most';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER cap_webhooks BEFORE INSERT ON events_webhookendpoint
  FOR EACH ROW EXECUTE FUNCTION cap_webhooks();
