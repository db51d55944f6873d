-- Refuse to change or delete a version of terms: buyers have accepted it as it is.
--
-- A trigger calls it, and it always raises an exception. TRUNCATE calls no row trigger, so the owner
-- of the table can still empty it.
CREATE FUNCTION keep_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'versions of terms are never changed or deleted'
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER terms_are_kept BEFORE UPDATE OR DELETE ON events_termsversion
  FOR EACH ROW EXECUTE FUNCTION keep_terms();
