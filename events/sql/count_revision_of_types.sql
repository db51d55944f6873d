-- Raise an event's revision when one of its ticket types is added, changed or deleted.
--
-- The trigger calls it after each change of a ticket type and ignores the result. A sale changes
-- only the columns in `unseen`, and so does not raise the revision.
CREATE FUNCTION count_revision_of_types() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE unseen CONSTANT text[] := ARRAY['promised', 'sold'];
BEGIN
  IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - unseen IS NOT DISTINCT FROM to_jsonb(OLD) - unseen THEN
    RETURN NULL;
  END IF;
  UPDATE events_event SET revision = revision + 1
    WHERE id = CASE TG_OP WHEN 'DELETE' THEN OLD.event_id ELSE NEW.event_id END;
  RETURN NULL;
END $$;

CREATE TRIGGER count_revision_of_types AFTER INSERT OR UPDATE OR DELETE ON events_tickettype
  FOR EACH ROW EXECUTE FUNCTION count_revision_of_types();
