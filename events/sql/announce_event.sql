-- Write the webhook messages of an event that was published, changed, taken off sale or cancelled.
--
-- The trigger calls it after each UPDATE of an event and ignores the result. Changes of a draft,
-- and changes that no buyer could notice, write nothing. An event that becomes a draft again is
-- announced as `event.updated`, with its new status.
CREATE FUNCTION announce_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE kind text;
BEGIN
  IF NEW.status <> OLD.status AND NEW.status <> 'draft' THEN kind := 'event.' || NEW.status;
  ELSIF NEW.revision <> OLD.revision AND 'published' IN (NEW.status, OLD.status) THEN kind := 'event.updated';
  ELSE RETURN NULL;
  END IF;
  PERFORM announce(NEW.organizer_id, kind, NEW.id,
    describe_event(NEW) || jsonb_build_object('status', NEW.status));
  RETURN NULL;
END $$;

CREATE TRIGGER announce_event AFTER UPDATE ON events_event
  FOR EACH ROW EXECUTE FUNCTION announce_event();
