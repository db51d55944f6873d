-- Write the webhook messages of an order that was reserved, or whose status has changed.
--
-- The triggers call it after the change; its result is ignored. The triggers skip two statuses: for
-- "refunded", `announce_refund` writes the messages; for "processing" there are none.
CREATE FUNCTION announce_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM tell_of_order(NEW, 'order.' || NEW.status);
  RETURN NULL;
END $$;

-- At the commit: the order's items and its promo code are written after the order.
CREATE CONSTRAINT TRIGGER announce_new_order AFTER INSERT ON orders_order
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.status = 'reserved') EXECUTE FUNCTION announce_order();

CREATE TRIGGER announce_moved_order AFTER UPDATE OF status ON orders_order
  FOR EACH ROW WHEN (NEW.status <> OLD.status AND NEW.status NOT IN ('processing', 'refunded'))
  EXECUTE FUNCTION announce_order();
