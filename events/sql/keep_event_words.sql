-- Write the words of each event to `events_eventwords`, which searches read.
--
-- The triggers call it after an event is inserted or deleted, and after an update that changes one
-- of its texts. They ignore the result. Triggers, because the previous release and queries by hand
-- write events too.
CREATE FUNCTION keep_event_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' THEN
    DELETE FROM events_eventwords WHERE event_id = OLD.id;
    RETURN NULL;
  END IF;
  INSERT INTO events_eventwords (event_id, words)
    VALUES (NEW.id, event_words(NEW.name, NEW.venue, NEW.city, NEW.description))
    ON CONFLICT (event_id) DO UPDATE SET words = excluded.words;
  RETURN NULL;
END $$;

CREATE TRIGGER keep_event_words AFTER INSERT OR DELETE ON events_event
  FOR EACH ROW EXECUTE FUNCTION keep_event_words();

CREATE TRIGGER keep_changed_event_words AFTER UPDATE ON events_event
  FOR EACH ROW WHEN (
    (OLD.name, OLD.venue, OLD.city, OLD.description)
    IS DISTINCT FROM (NEW.name, NEW.venue, NEW.city, NEW.description)
  )
  EXECUTE FUNCTION keep_event_words();
