-- Return one form for all spellings of a mailbox, for counting only: what is stored stays as it was
-- typed.
--
-- `reserve_order` and `owned_by_customer` call it, and an index on orders is built on it.
--
-- Lower case, without "+tag"; without dots at Gmail, which has two domains. The domain itself comes
-- in its ASCII form. Immutable, so that an index can be built on it: a changed rule needs a new
-- name and a new index.
CREATE FUNCTION counted_email(address text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  plain CONSTANT text := lower(address COLLATE "C");
  domain CONSTANT text := substring(plain FROM '[^@]*$');
  box text := left(plain, -length(domain) - 1);
BEGIN
  IF split_part(box, '+', 1) <> '' THEN box := split_part(box, '+', 1); END IF;
  IF domain IN ('gmail.com', 'googlemail.com') THEN
    RETURN replace(box, '.', '') || '@gmail.com';
  END IF;
  RETURN box || '@' || domain;
END $$;
