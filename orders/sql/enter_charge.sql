-- Write the ledger's entries of a payment that was approved: the charge, and the fee that the
-- payment provider kept, if any. Nothing is entered for a free order.
--
-- The trigger calls it when a payment becomes approved, or is inserted as approved; its result is
-- ignored. A payment that is approved twice has each entry once.
CREATE FUNCTION enter_charge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orders_ledgerentry (organizer_id, event_id, order_id, kind, cause, method, amount,
    currency, at)
  SELECT e.organizer_id, o.event_id, o.id, moved.kind, NEW.id, NEW.method, moved.amount,
    NEW.currency, coalesce(NEW.decided_at, NEW.created_at)
  FROM orders_order o JOIN events_event e ON e.id = o.event_id,
    (VALUES ('charge', NEW.amount), ('fee', -NEW.fee)) AS moved (kind, amount)
  WHERE o.id = NEW.order_id AND moved.amount <> 0
  ON CONFLICT (cause, kind) DO NOTHING;
  RETURN NULL;
END $$;

CREATE TRIGGER enter_charge AFTER INSERT OR UPDATE OF status ON orders_payment
  FOR EACH ROW WHEN (NEW.status = 'approved' AND NEW.amount > 0)
  EXECUTE FUNCTION enter_charge();
