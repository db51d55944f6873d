-- Return whether a gate of an event admits a ticket type.
--
-- A gate is found by its name, whatever the case. A gate without a row in `events_gate` admits all
-- types.
CREATE FUNCTION gate_admits(the_event uuid, the_gate text, the_type uuid) RETURNS boolean
LANGUAGE sql STABLE AS $$
  SELECT NOT EXISTS (
    SELECT FROM events_gate g
    WHERE g.event_id = the_event AND lower(g.name) = lower(btrim(the_gate)) AND NOT EXISTS (
      SELECT FROM events_gate_ticket_types k
      WHERE k.gate_id = g.id AND k.tickettype_id = the_type))
$$;
