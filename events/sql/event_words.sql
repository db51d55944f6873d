-- Return the words of an event that a search can match, without accents.
--
-- `keep_event_words` calls it. The index `events_by_words`, which the previous release uses, is
-- built on it: do not change this function, but add one with a new name and an index of its own.
--
-- PostgreSQL does not declare `unaccent` immutable, because its dictionary could change. Our
-- dictionary never changes, so this function may be immutable, as an index requires.
CREATE FUNCTION event_words(name text, venue text, city text, description text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT to_tsvector('simple', public.unaccent('public.unaccent'::regdictionary,
    name || ' ' || venue || ' ' || city || ' ' || description))
$$;
