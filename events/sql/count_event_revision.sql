-- Raise an event's revision at each change that a buyer could notice.
--
-- The trigger calls it before each UPDATE of an event and writes the row that it returns. `unseen`
-- lists the columns that no buyer can notice: a change of these alone does not raise the revision.
-- A revision is never lowered.
CREATE FUNCTION count_event_revision() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE unseen CONSTANT text[] := ARRAY['epoch', 'revision', 'wound_up_at'];
BEGIN
  IF to_jsonb(NEW) - unseen IS DISTINCT FROM to_jsonb(OLD) - unseen THEN
    NEW.revision := OLD.revision + 1;
  ELSE
    NEW.revision := greatest(NEW.revision, OLD.revision);
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER count_event_revision BEFORE UPDATE ON events_event
  FOR EACH ROW EXECUTE FUNCTION count_event_revision();
