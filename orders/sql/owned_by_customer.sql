-- Return how many tickets of an event a customer owns through other orders than `the_order`.
--
-- `orders.limits` calls it in the transaction that begins a payment. It takes the customer's lock
-- (5, `Lock.CUSTOMER`): until the transaction ends, every other payment or reservation of the same
-- customer at this event waits before it counts.
--
-- A customer owns the tickets of orders that are being paid for or are paid, less the returned
-- ones. Reserved tickets do not count, because anybody can reserve with somebody else's email.
CREATE FUNCTION owned_by_customer(the_event uuid, the_order uuid, email text) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(5, hashtext(counted_email(email) || the_event));
  -- A separate statement, so that it sees what was committed during the wait for the lock.
  RETURN (
    SELECT coalesce(sum(i.quantity - i.returned), 0) FROM orders_order o
      JOIN orders_orderitem i ON i.order_id = o.id
      WHERE o.event_id = the_event AND counted_email(o.customer_email) = counted_email(email)
        AND o.status IN ('processing', 'paid') AND o.id <> the_order
  );
END $$;
