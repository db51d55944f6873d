-- Write the webhook messages of a ticket that was issued, admitted or revoked, or whose check-in
-- was undone.
--
-- The triggers call it after the change; its result is ignored. Without any webhook endpoint it
-- writes nothing. The subject is the order's id, so that a receiver gets the messages about an
-- order and about its tickets in the sequence of the changes.
CREATE FUNCTION announce_ticket() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE event events_event; kind text; the_code text;
BEGIN
  IF NOT EXISTS (SELECT FROM events_webhookendpoint) THEN RETURN NULL; END IF;
  SELECT * INTO event FROM events_event e WHERE e.id = NEW.event_id;
  SELECT k.name INTO kind FROM events_tickettype k WHERE k.id = NEW.ticket_type_id;
  SELECT o.code INTO the_code FROM orders_order o WHERE o.id = NEW.order_id;
  PERFORM announce(
    event.organizer_id,
    CASE NEW.status
      WHEN 'valid' THEN CASE TG_OP
        WHEN 'INSERT' THEN 'ticket.issued' ELSE 'ticket.checkin_undone' END
      WHEN 'used' THEN 'ticket.admitted'
      ELSE 'ticket.revoked' END,
    NEW.order_id,
    jsonb_build_object(
      'id', NEW.id, 'status', NEW.status, 'event', describe_event(event),
      'order', jsonb_build_object('id', NEW.order_id, 'code', the_code),
      'ticket_type', jsonb_build_object('id', NEW.ticket_type_id, 'name', kind),
      'created_at', NEW.created_at, 'used_at', NEW.used_at, 'revoked_at', NEW.revoked_at,
      'replaced_by', NEW.replaced_by_id));
  RETURN NULL;
END $$;

CREATE TRIGGER announce_new_ticket AFTER INSERT ON tickets_ticket
  FOR EACH ROW WHEN (NEW.status = 'valid') EXECUTE FUNCTION announce_ticket();

CREATE TRIGGER announce_changed_ticket AFTER UPDATE OF status ON tickets_ticket
  FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION announce_ticket();
