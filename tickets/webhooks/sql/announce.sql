-- Insert a webhook message for each endpoint of an organizer that receives messages of type `kind`.
--
-- The functions `announce_event`, `announce_sold_out`, `tell_of_order` and `announce_ticket` call
-- it in the transaction of the change. It returns nothing. `about` is the id of the order or event:
-- messages with the same `about` are sent in order.
--
-- A transaction inserts at most one `event.updated` and one `event.sold_out` for each event.
CREATE FUNCTION announce(the_organizer uuid, kind text, about uuid, content jsonb)
RETURNS void LANGUAGE sql AS $$
  INSERT INTO events_webhookmessage (
    id, endpoint_id, type, subject, data, created_at, attempts, next_attempt_at
  )
  SELECT gen_random_uuid(), w.id, kind, about, content, now(), 0, now()
  FROM events_webhookendpoint w
  WHERE w.organizer_id = the_organizer AND w.disabled_at IS NULL
    AND (w.types = '{}' OR kind = ANY (w.types))
    AND NOT (kind IN ('event.updated', 'event.sold_out') AND EXISTS (
      -- now() is the start of the transaction, so `created_at = now()` finds its own messages.
      SELECT FROM events_webhookmessage m WHERE m.endpoint_id = w.id AND m.subject = about
        AND m.next_attempt_at IS NOT NULL AND m.type = kind AND m.created_at = now()))
$$;
