-- Insert an order that uses a promo code, if the code has a use left. Otherwise it does what
-- `reserve_order` does, which it calls: orders without a promo code cost nothing more.
--
-- `orders.insertion` calls it. It returns the row of `reserve_order`, or one of two outcomes of its
-- own, with null in the other columns: 'promo_changed' (the code has another revision than the one
-- that the order was priced by, or was deleted) and 'promo_used_up'.
--
-- Nothing counts the uses of a code but the orders that hold one: those that are reserved, being
-- paid for, or paid. So a use is free again in the same statement that ends its order, and cannot
-- be lost or counted twice. The lock of the code's row makes reservations with a limited code wait
-- for each other, until the one before has committed. Codes without a limit share the lock, which
-- keeps only a change of the code away.
--
-- Locks are always taken in this order: event (1, shared), the row of the promo code, and then those
-- of `reserve_order`. Changes of a promo code take its row alone.
CREATE FUNCTION reserve_with_promo(
  the_promo uuid, promo_revision bigint, list_prices numeric[],
  the_order uuid, the_event uuid, event_number int, known_revision bigint, held_in bigint,
  the_code text, name text, email text, the_language text, token_digest text, the_currency text,
  the_total numeric, the_address text, the_network text,
  per_customer int, per_address int, held_per_address int,
  ticket_types uuid[], quantities int[], unit_prices numeric[]
) RETURNS TABLE (outcome text, epoch bigint, created_at timestamptz, reserved_until timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE promo record; written record; uses bigint;
BEGIN
  PERFORM pg_advisory_xact_lock_shared(1, event_number);
  SELECT p.code, p.max_uses INTO promo FROM orders_promocode p
    WHERE p.id = the_promo AND p.revision = promo_revision AND p.event_id = the_event;
  IF promo.max_uses IS NULL THEN
    PERFORM FROM orders_promocode p
      WHERE p.id = the_promo AND p.revision = promo_revision FOR SHARE;
  ELSE
    PERFORM FROM orders_promocode p
      WHERE p.id = the_promo AND p.revision = promo_revision FOR NO KEY UPDATE;
  END IF;
  IF NOT FOUND OR promo.code IS NULL THEN
    RETURN QUERY SELECT 'promo_changed', NULL::bigint, NULL::timestamptz, NULL::timestamptz; RETURN;
  END IF;
  IF promo.max_uses IS NOT NULL THEN
    -- A separate statement, so that it sees what was committed during the wait for the lock.
    uses := (
      SELECT count(*) FROM (
        SELECT FROM orders_order o WHERE o.promo_code_id = the_promo
          AND o.status IN ('reserved', 'processing', 'paid') LIMIT promo.max_uses
      ) AS u
    );
    IF uses >= promo.max_uses THEN
      RETURN QUERY SELECT 'promo_used_up', NULL::bigint, NULL::timestamptz, NULL::timestamptz;
      RETURN;
    END IF;
  END IF;
  SELECT * INTO written FROM reserve_order(
    the_order, the_event, event_number, known_revision, held_in, the_code, name, email,
    the_language, token_digest, the_currency, the_total, the_address, the_network, per_customer,
    per_address, held_per_address, ticket_types, quantities, unit_prices);
  IF written.outcome = 'written' THEN
    UPDATE orders_order o SET promo_code_id = the_promo, promo_text = promo.code
      WHERE o.id = the_order;
    UPDATE orders_orderitem i SET list_price = l.price
      FROM unnest(ticket_types, list_prices) AS l(ticket_type, price)
      WHERE i.order_id = the_order AND i.ticket_type_id = l.ticket_type;
  END IF;
  RETURN QUERY SELECT
    written.outcome, written.epoch, written.created_at, written.reserved_until;
END $$;
