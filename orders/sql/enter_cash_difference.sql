-- Write the ledger's entry of a difference that staff took by hand, or gave back.
--
-- The trigger calls it after each new difference; its result is ignored.
CREATE FUNCTION enter_cash_difference() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO orders_ledgerentry (organizer_id, event_id, order_id, kind, cause, method, amount,
    currency, at)
  SELECT e.organizer_id, o.event_id, o.id, CASE WHEN NEW.amount > 0 THEN 'charge' ELSE 'refund' END,
    NEW.id, 'cash', NEW.amount, o.currency, NEW.at
  FROM orders_order o JOIN events_event e ON e.id = o.event_id WHERE o.id = NEW.order_id
  ON CONFLICT (cause, kind) DO NOTHING;
  RETURN NULL;
END $$;

CREATE TRIGGER enter_cash_difference AFTER INSERT ON orders_cashdifference
  FOR EACH ROW EXECUTE FUNCTION enter_cash_difference();
