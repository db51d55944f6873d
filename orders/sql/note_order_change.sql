-- Set an order's `modified_at`, and clear its address digests when the order has ended.
--
-- The trigger calls it before each UPDATE of an order; it returns the row to write. An order has
-- ended when its status is none of reserved, processing and paid.
CREATE FUNCTION note_order_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status NOT IN ('reserved', 'processing', 'paid') THEN
    NEW.address_digest := '';
    NEW.network_digest := '';
  END IF;
  -- The task `tickets.forget` only clears digests: organizers need not see that as a change.
  IF NEW.status = OLD.status AND NEW.address_digest IS DISTINCT FROM OLD.address_digest THEN
    NEW.modified_at := OLD.modified_at;
  ELSE
    NEW.modified_at := clock_timestamp();
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER note_order_change BEFORE UPDATE ON orders_order
  FOR EACH ROW EXECUTE FUNCTION note_order_change();
