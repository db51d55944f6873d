-- Refuse to change or delete an entry of the ledger. Entries are only inserted.
--
-- A trigger calls it, and it always raises an exception. TRUNCATE calls no row trigger, so the owner
-- of the table can still empty it.
CREATE FUNCTION keep_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'entries of the ledger are never changed or deleted'
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER ledger_is_kept BEFORE UPDATE OR DELETE ON orders_ledgerentry
  FOR EACH ROW EXECUTE FUNCTION keep_ledger();
