-- Return the same text for all spellings of one mailbox, so that its tickets count together. The
-- order stores the address as it was typed.
--
-- `reserve_order` and `owned_by_customer` call it, and an index on orders is built on it.
--
-- The result is in lower case and without "+tag". For Gmail, which has two domains, it has no dots.
-- The argument's domain is already in its ASCII form. The function is immutable, because the index
-- needs that. So a changed rule needs a function with a new name, and a new index.
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
