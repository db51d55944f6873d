-- Return the tickets that came with a ticket, may still be used, and are admitted at a gate.
--
-- They are of one order and one event. A ticket that was transferred is its holder's: it comes with
-- no other one.
CREATE FUNCTION party_of(the_ticket uuid, the_gate text) RETURNS TABLE (id uuid)
LANGUAGE sql STABLE AS $$
  SELECT t.id FROM tickets_ticket own JOIN tickets_ticket t
    ON t.order_id = own.order_id AND t.event_id = own.event_id
      AND t.transfer_id IS NOT DISTINCT FROM own.transfer_id
  WHERE own.id = the_ticket AND t.status = 'valid'
    AND gate_admits(t.event_id, the_gate, t.ticket_type_id)
$$;
