"""Finding events by words, with and without accents: "sao paulo" finds "São Paulo"."""

import django.contrib.postgres.indexes
import django.contrib.postgres.search
from django.db import migrations, models

# `unaccent` reads a dictionary, which could change: so PostgreSQL does not call it immutable, and
# an index needs that it is. Ours never changes.
CREATE = """
CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;
CREATE FUNCTION event_words(name text, venue text, city text, description text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT to_tsvector('simple', public.unaccent('public.unaccent'::regdictionary,
    name || ' ' || venue || ' ' || city || ' ' || description))
$$;
CREATE FUNCTION words_asked_for(said text) RETURNS tsquery
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT to_tsquery('simple', public.unaccent('public.unaccent'::regdictionary, said))
$$;
"""
DROP = """
DROP FUNCTION words_asked_for;
DROP FUNCTION event_words;
"""


class Migration(migrations.Migration):
    dependencies = [("events", "0003_drifts")]

    operations = [
        migrations.RunSQL(CREATE, DROP),
        migrations.AddIndex(
            model_name="event",
            index=django.contrib.postgres.indexes.GinIndex(
                models.Func(
                    "name",
                    "venue",
                    "city",
                    "description",
                    function="event_words",
                    output_field=django.contrib.postgres.search.SearchVectorField(),
                ),
                name="events_by_words",
            ),
        ),
    ]
