-- Refuse to change or delete a recorded act. Acts are only inserted.
--
-- A trigger calls it, and it always raises an exception. TRUNCATE calls no row trigger, so the owner
-- of the table can still empty it.
CREATE FUNCTION refuse_to_change_acts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'acts are never changed or deleted' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER acts_are_kept BEFORE UPDATE OR DELETE ON ticketing_act
  FOR EACH ROW EXECUTE FUNCTION refuse_to_change_acts();
