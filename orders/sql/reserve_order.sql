-- Insert an order, if its hold was taken in the event's current epoch, if it was priced by the
-- event's current revision, and if no limit of the customer or the address is exceeded. One round
-- trip decides all of this, under locks, so that concurrent requests cannot exceed a limit
-- together.
--
-- `orders.insertion` calls it. It returns one row: `outcome`, the event's current `epoch`, and two
-- times. Only 'written' means that the order was inserted: the times are its `created_at` and
-- `reserved_until`. If a limit refuses the order, the outcome is the limit's name, and the times
-- are now and when a retry may succeed. The times are null for 'closed' (the event is not on sale),
-- 'changed' (the event has another revision), 'stale' (the event has another epoch), 'dropped' (the
-- hold was dropped) and 'code_taken' (another order has the same code).
--
-- The previous release calls the function of the same name with 18 arguments. Its text is only in
-- its migration.
--
-- Locks are always taken in this order: event (1, shared), customer (5), network (7), address (6).
-- The numbers are those of `ticketing/database/locks.py`. The last three locks are per event, so
-- they do not delay orders of other events.
--
-- `the_address` and `the_network` are digests of the caller's IP address (IPv6: its /64) and of the
-- /56 of an IPv6 address. `the_network` is empty for IPv4. Both are empty if a shop reserves: then
-- the address limits do not apply. A limit of 0 means no limit.
--
-- Tickets of this event count as follows. Held: those of reservations that have not expired. Owned:
-- those of orders that are being paid for or are paid, less the returned ones. The tickets of an
-- address include those of its whole network.
--
-- Anybody can reserve with somebody else's email, and must not lock out its owner that way. So the
-- tickets held under an email count only for a caller whose address holds or owns tickets of the
-- event. Owned tickets always count.
--
-- A refusal must not reveal what other people do with an email. So `..._has_all` (waiting does not
-- help) and the time of `..._must_wait` depend only on orders from the caller's own address.
CREATE FUNCTION reserve_order(
  the_order uuid, the_event uuid, event_number int, known_revision bigint, held_in bigint,
  the_code text, name text, email text, the_language text, token_digest text, the_currency text,
  the_total numeric, the_address text, the_network text,
  per_customer int, per_address int, held_per_address int,
  ticket_types uuid[], quantities int[], unit_prices numeric[]
) RETURNS TABLE (outcome text, epoch bigint, created_at timestamptz, reserved_until timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
  event record; written timestamptz; until timestamptz; wanted bigint; counted bigint;
  here record; theirs record;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(1, event_number);
  SELECT e.status, e.epoch, e.revision, e.hold_seconds INTO event
    FROM events_event e WHERE e.id = the_event;
  IF event.status IS DISTINCT FROM 'published' THEN
    RETURN QUERY SELECT 'closed', event.epoch, NULL::timestamptz, NULL::timestamptz; RETURN;
  END IF;
  IF event.revision <> known_revision THEN
    RETURN QUERY SELECT 'changed', event.epoch, NULL::timestamptz, NULL::timestamptz; RETURN;
  END IF;
  IF event.epoch IS DISTINCT FROM held_in THEN
    RETURN QUERY SELECT 'stale', event.epoch, NULL::timestamptz, NULL::timestamptz; RETURN;
  END IF;
  IF EXISTS (SELECT FROM orders_droppedhold d WHERE d.order_id = the_order) THEN
    RETURN QUERY SELECT 'dropped', event.epoch, NULL::timestamptz, NULL::timestamptz; RETURN;
  END IF;
  IF per_customer + per_address + held_per_address > 0 THEN
    IF per_customer > 0 THEN
      PERFORM pg_advisory_xact_lock(5, hashtext(counted_email(email) || the_event));
    END IF;
    IF the_network <> '' THEN
      PERFORM pg_advisory_xact_lock(7, hashtext(the_network || the_event));
    END IF;
    IF the_address <> '' THEN
      PERFORM pg_advisory_xact_lock(6, hashtext(the_address || the_event));
    END IF;
    wanted := (SELECT sum(q) FROM unnest(quantities) AS q);
    -- Both counts below use this one time, so that they agree on which reservations have expired.
    written := clock_timestamp();
    until := written + event.hold_seconds * interval '1 second';
    SELECT
      coalesce(sum(i.quantity) FILTER (WHERE o.status = 'reserved'), 0) AS held,
      coalesce(sum(i.quantity - i.returned) FILTER (WHERE o.status <> 'reserved'), 0) AS owned,
      coalesce(min(o.reserved_until) FILTER (WHERE o.status = 'reserved'), until) AS soonest
    INTO here
    FROM (
      SELECT a.id, a.status, a.reserved_until FROM orders_order a
        WHERE a.event_id = the_event AND a.address_digest = the_address AND a.address_digest <> ''
      UNION
      SELECT n.id, n.status, n.reserved_until FROM orders_order n
        WHERE n.event_id = the_event AND n.network_digest = the_network AND n.network_digest <> ''
    ) o CROSS JOIN LATERAL (
      -- Summed in a lateral subquery: it forces an index lookup for each order, whatever the
      -- planner estimates.
      SELECT sum(p.quantity) AS quantity, sum(p.returned) AS returned
      FROM orders_orderitem p WHERE p.order_id = o.id
    ) i
    WHERE o.status IN ('processing', 'paid')
      OR o.status = 'reserved' AND o.reserved_until > written;
    IF per_address > 0 AND here.held + here.owned + wanted > per_address AND the_address <> '' THEN
      RETURN QUERY SELECT
        CASE WHEN here.owned + wanted > per_address THEN 'address_has_all'
          ELSE 'address_must_wait' END,
        event.epoch, written, here.soonest;
      RETURN;
    END IF;
    IF held_per_address > 0 AND here.held + wanted > held_per_address AND the_address <> '' THEN
      RETURN QUERY SELECT 'address_must_wait', event.epoch, written, here.soonest;
      RETURN;
    END IF;
  END IF;
  IF per_customer > 0 THEN
    SELECT
      coalesce(sum(i.quantity) FILTER (WHERE o.status = 'reserved'), 0) AS held,
      coalesce(sum(i.quantity - i.returned) FILTER (WHERE o.status <> 'reserved'), 0) AS owned,
      coalesce(sum(i.quantity - i.returned) FILTER (WHERE o.status <> 'reserved' AND o.mine), 0)
        AS owned_here,
      coalesce(min(o.reserved_until) FILTER (WHERE o.status = 'reserved' AND o.mine), until)
        AS soonest
    INTO theirs
    FROM (
      SELECT c.id, c.status, c.reserved_until,
        the_address = '' OR c.address_digest = the_address
          OR the_network <> '' AND c.network_digest = the_network AS mine
      FROM orders_order c
      WHERE c.event_id = the_event AND counted_email(c.customer_email) = counted_email(email)
        AND c.status IN ('reserved', 'processing', 'paid')
    ) o CROSS JOIN LATERAL (
      -- Summed in a lateral subquery: it forces an index lookup for each order, whatever the
      -- planner estimates.
      SELECT sum(p.quantity) AS quantity, sum(p.returned) AS returned
      FROM orders_orderitem p WHERE p.order_id = o.id
    ) i
    WHERE o.status <> 'reserved' OR o.reserved_until > written;
    counted := theirs.owned;
    IF the_address = '' OR here.held + here.owned > 0 THEN
      counted := counted + theirs.held;
    END IF;
    IF counted + wanted > per_customer THEN
      RETURN QUERY SELECT
        CASE WHEN theirs.owned_here + wanted > per_customer THEN 'customer_has_all'
          ELSE 'customer_must_wait' END,
        event.epoch, written, theirs.soonest;
      RETURN;
    END IF;
  END IF;
  written := clock_timestamp();
  until := written + event.hold_seconds * interval '1 second';
  INSERT INTO orders_order (
    id, code, event_id, customer_name, customer_email, language, status, currency, total, epoch,
    access_token_digest, address_digest, network_digest, created_at, reserved_until
  ) VALUES (
    the_order, the_code, the_event, name, email, the_language, 'reserved', the_currency, the_total,
    held_in, token_digest, the_address, the_network, written, until
  ) ON CONFLICT (code) DO NOTHING;
  IF NOT FOUND THEN
    RETURN QUERY SELECT 'code_taken', event.epoch, NULL::timestamptz, NULL::timestamptz; RETURN;
  END IF;
  INSERT INTO orders_orderitem (order_id, ticket_type_id, quantity, unit_price)
    SELECT the_order, t, q, p FROM unnest(ticket_types, quantities, unit_prices) AS i(t, q, p);
  RETURN QUERY SELECT 'written', event.epoch, written, until;
END $$;
