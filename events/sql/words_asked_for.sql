-- Return the query for events that have every word of `said`, as a whole word or as its beginning.
--
-- `events.catalogue` calls it with the words of a search. Each word is quoted, because removing the
-- accents may produce characters that are operators of a query: "¾" becomes "3/4".
CREATE FUNCTION words_asked_for(said text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT to_tsquery('simple', coalesce(string_agg('''' || word || ''':*', ' & '), ''))
  FROM regexp_split_to_table(
    translate(public.unaccent('public.unaccent'::regdictionary, said), '''\', '  '), '\s+') word
  WHERE word <> ''
$$;
