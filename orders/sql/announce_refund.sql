-- Write the webhook messages "order.refunded" of a refund, whether of a whole order or of a part.
--
-- The trigger calls it after each new refund; its result is ignored.
CREATE FUNCTION announce_refund() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE refunded orders_order;
BEGIN
  SELECT o.* INTO refunded FROM orders_order o JOIN orders_payment p ON p.order_id = o.id
    WHERE p.id = NEW.payment_id;
  PERFORM tell_of_order(refunded, 'order.refunded');
  RETURN NULL;
END $$;

CREATE TRIGGER announce_refund AFTER INSERT ON orders_refund
  FOR EACH ROW EXECUTE FUNCTION announce_refund();
