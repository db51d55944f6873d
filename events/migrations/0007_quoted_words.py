"""Words without accents may have signs that a query takes for its own: "¾" becomes "3/4"."""

from django.db import migrations

CREATE = r"""
CREATE OR REPLACE FUNCTION words_asked_for(said text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT to_tsquery('simple', coalesce(string_agg('''' || word || ''':*', ' & '), ''))
  FROM regexp_split_to_table(
    translate(public.unaccent('public.unaccent'::regdictionary, said), '''\', '  '), '\s+') word
  WHERE word <> ''
$$;
"""
BEFORE = """
CREATE OR REPLACE FUNCTION words_asked_for(said text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT to_tsquery('simple', public.unaccent('public.unaccent'::regdictionary, said))
$$;
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0006_webhooks")]

    operations = [migrations.RunSQL(CREATE, BEFORE)]
