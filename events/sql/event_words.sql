-- Return all words by which a visitor may look for an event, without accents.
--
-- `keep_event_words` calls it. The index `events_by_words`, which serves the previous release, is
-- built on it: another rule for words needs a function with a new name and an index of its own.
--
-- PostgreSQL does not declare `unaccent` immutable, because its dictionary could change. Ours never
-- does, so this function may be immutable, as an index requires.
CREATE FUNCTION event_words(name text, venue text, city text, description text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT to_tsvector('simple', public.unaccent('public.unaccent'::regdictionary,
    name || ' ' || venue || ' ' || city || ' ' || description))
$$;
