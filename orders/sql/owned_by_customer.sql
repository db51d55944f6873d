-- Return how many tickets of an event a customer owns by other orders than `the_order`.
--
-- `orders.limits` calls it as a payment begins. It counts under the customer's lock (5,
-- `Lock.CUSTOMER`): until this transaction ends, no other payment of that customer counts, and no
-- reservation.
--
-- Owned are tickets that are being paid for, and paid ones less what was returned. Reserved ones do
-- not count: anyone can type an email address.
CREATE FUNCTION owned_by_customer(the_event uuid, the_order uuid, email text) RETURNS bigint
LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(5, hashtext(counted_email(email) || the_event));
  -- A statement of its own: it sees what was committed while we waited for the lock.
  RETURN (
    SELECT coalesce(sum(i.quantity - i.returned), 0) FROM orders_order o
      JOIN orders_orderitem i ON i.order_id = o.id
      WHERE o.event_id = the_event AND counted_email(o.customer_email) = counted_email(email)
        AND o.status IN ('processing', 'paid') AND o.id <> the_order
  );
END $$;
