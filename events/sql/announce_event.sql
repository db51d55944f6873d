-- Write the webhook messages of an event that was published, changed or cancelled.
--
-- The trigger calls it after each UPDATE of an event and ignores the result. Changes of a draft,
-- and changes that no buyer could notice, write nothing.
CREATE FUNCTION announce_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE kind text;
BEGIN
  IF NEW.status <> OLD.status THEN kind := 'event.' || NEW.status;
  ELSIF NEW.revision <> OLD.revision AND NEW.status = 'published' THEN kind := 'event.updated';
  ELSE RETURN NULL;
  END IF;
  PERFORM announce(NEW.organizer_id, kind, NEW.id,
    describe_event(NEW) || jsonb_build_object('status', NEW.status));
  RETURN NULL;
END $$;

CREATE TRIGGER announce_event AFTER UPDATE ON events_event
  FOR EACH ROW EXECUTE FUNCTION announce_event();
