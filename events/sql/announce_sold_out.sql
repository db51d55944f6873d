-- Write the webhook messages of an event whose last ticket was sold.
--
-- The trigger calls it at the commit of a sale that took the last ticket of a type, and ignores the
-- result. It is deferred to avoid a deadlock: each sale has all its row locks before it takes
-- advisory lock 3 (`Lock.SOLD_OUT`).
CREATE FUNCTION announce_sold_out() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE event events_event;
BEGIN
  SELECT * INTO event FROM events_event e WHERE e.id = NEW.event_id;
  -- Two sales may take the last tickets of two types at once: with the lock, the second one to
  -- commit sees that nothing is left.
  PERFORM pg_advisory_xact_lock(3, event.number);
  IF NOT EXISTS (
    SELECT FROM events_tickettype k WHERE k.event_id = NEW.event_id AND k.sold < k.capacity
  ) THEN
    PERFORM announce(event.organizer_id, 'event.sold_out', event.id,
      describe_event(event) || jsonb_build_object('status', event.status));
  END IF;
  RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER announce_sold_out AFTER UPDATE OF sold ON events_tickettype
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.sold > OLD.sold AND NEW.sold >= NEW.capacity)
  EXECUTE FUNCTION announce_sold_out();
