-- Return the query for events that have every word of `said`, each whole or by how it begins.
--
-- `events.catalogue` calls it with the words of a search. Each word is quoted, because a word
-- without accents may have signs that a query would read as its own: "¾" becomes "3/4".
CREATE FUNCTION words_asked_for(said text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT to_tsquery('simple', coalesce(string_agg('''' || word || ''':*', ' & '), ''))
  FROM regexp_split_to_table(
    translate(public.unaccent('public.unaccent'::regdictionary, said), '''\', '  '), '\s+') word
  WHERE word <> ''
$$;
