-- Write the webhook messages of an order that was reserved, or that has another status.
--
-- The triggers call it after the change; what it returns is ignored. `announce_refund` writes those
-- of refunds, so a move to "refunded" is left out here; a move to "processing" is not told at all.
CREATE FUNCTION announce_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM tell_of_order(NEW, 'order.' || NEW.status);
  RETURN NULL;
END $$;

CREATE TRIGGER announce_new_order AFTER INSERT ON orders_order
  FOR EACH ROW WHEN (NEW.status = 'reserved') EXECUTE FUNCTION announce_order();

CREATE TRIGGER announce_moved_order AFTER UPDATE OF status ON orders_order
  FOR EACH ROW WHEN (NEW.status <> OLD.status AND NEW.status NOT IN ('processing', 'refunded'))
  EXECUTE FUNCTION announce_order();
