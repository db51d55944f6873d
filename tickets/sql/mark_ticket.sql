-- Mark a ticket that was used, revoked, made valid again, scanned out or let in again, for the
-- devices that work offline.
--
-- The trigger calls it after the change; its result is ignored. `changed_in` is the number of the
-- transaction, by which `tickets.door.bundle` lists the changes. Two changes of one ticket follow
-- each other, because each locks the ticket's row first: so the later number stays.
CREATE FUNCTION mark_ticket() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tickets_doormark (ticket_id, event_id, changed_in)
  VALUES (NEW.id, NEW.event_id, pg_current_xact_id()::text::bigint)
  ON CONFLICT (ticket_id) DO UPDATE SET changed_in = excluded.changed_in;
  RETURN NULL;
END $$;

CREATE TRIGGER mark_changed_ticket
  AFTER UPDATE OF status, inside, last_entry_at ON tickets_ticket
  FOR EACH ROW WHEN (
    (NEW.status, NEW.inside, NEW.last_entry_at)
    IS DISTINCT FROM (OLD.status, OLD.inside, OLD.last_entry_at))
  EXECUTE FUNCTION mark_ticket();
