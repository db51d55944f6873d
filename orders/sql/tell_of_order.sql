-- Write the webhook messages of an order. They contain the order's status, its
-- discount by a promo code and the sum of refunds.
--
-- `announce_order` and `announce_refund` call it. If no organizer has a webhook endpoint, it writes
-- nothing.
CREATE FUNCTION tell_of_order(the_order orders_order, kind text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE event events_event; refunded numeric(12, 2); discount numeric(12, 2); promo text;
BEGIN
  IF NOT EXISTS (SELECT FROM events_webhookendpoint) THEN RETURN; END IF;
  SELECT * INTO event FROM events_event e WHERE e.id = the_order.event_id;
  SELECT coalesce(sum(r.amount), 0) INTO refunded FROM orders_refund r
    JOIN orders_payment p ON p.id = r.payment_id WHERE p.order_id = the_order.id;
  -- Read again: `reserve_with_promo` writes the promo code after it has inserted the order.
  SELECT nullif(o.promo_text, '') INTO promo FROM orders_order o WHERE o.id = the_order.id;
  SELECT coalesce(sum(i.quantity * (i.list_price - i.unit_price)), 0) INTO discount
    FROM orders_orderitem i WHERE i.order_id = the_order.id;
  PERFORM announce(event.organizer_id, kind, the_order.id, jsonb_build_object(
    'id', the_order.id, 'code', the_order.code, 'status', the_order.status,
    'event', describe_event(event), 'currency', the_order.currency,
    'promo_code', promo, 'discount', discount::text,
    'total', the_order.total::text, 'refunded', refunded::text,
    'reserved_until', the_order.reserved_until, 'created_at', the_order.created_at,
    'paid_at', the_order.paid_at, 'closed_at', the_order.closed_at));
END $$;
