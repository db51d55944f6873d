-- Refuse the webhook endpoint that would be the organizer's 17th, as the constraint
-- `sixteen_webhooks_at_most`.
--
-- The trigger calls it before each INSERT; it returns the row to insert. `refuse_too_many_webhooks`
-- counts first, to refuse by name; this decides when two insert at once.
CREATE FUNCTION cap_webhooks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- The organizer's row is locked first: of two that insert at once, the second counts the first's
  -- row.
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
