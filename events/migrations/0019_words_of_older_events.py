"""The words of the events that were there before the database kept them."""

from typing import Any

from django.db import migrations

# An event that is changed meanwhile has its new words already, by the trigger.
FILL = """
INSERT INTO events_eventwords (event_id, words)
SELECT id, event_words(name, venue, city, description) FROM events_event e
WHERE NOT EXISTS (SELECT FROM events_eventwords w WHERE w.event_id = e.id)
LIMIT 200
ON CONFLICT (event_id) DO NOTHING
"""


def fill(apps: Any, schema_editor: Any) -> None:
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute(FILL)
            if not cursor.rowcount:
                return


class Migration(migrations.Migration):
    # Each batch is a transaction of its own: no event waits for the others' words.
    atomic = False

    dependencies = [("events", "0018_event_words")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
