"""Marks of tickets that changed, for door devices that work offline, and when a device was seen."""

import django.db.models.deletion
from django.db import migrations, models

CREATE = """
CREATE FUNCTION mark_ticket() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO tickets_doormark (ticket_id, event_id, changed_in)
  VALUES (NEW.id, NEW.event_id, pg_current_xact_id()::text::bigint)
  ON CONFLICT (ticket_id) DO UPDATE SET changed_in = excluded.changed_in;
  RETURN NULL;
END $$;

CREATE TRIGGER mark_changed_ticket AFTER UPDATE OF status ON tickets_ticket
  FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION mark_ticket();
"""
DROP = """
DROP TRIGGER mark_changed_ticket ON tickets_ticket;
DROP FUNCTION mark_ticket;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0038_holder_names"),
        ("tickets", "0028_link_openings"),
    ]

    operations = [
        migrations.AddField(
            "device",
            "last_seen_at",
            models.DateTimeField(editable=False, null=True, verbose_name="last seen at"),
        ),
        migrations.CreateModel(
            name="DoorMark",
            fields=[
                ("ticket", models.OneToOneField(db_constraint=False, on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="door_mark", serialize=False, to="tickets.ticket")),
                ("changed_in", models.BigIntegerField()),
                ("event", models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="events.event")),
            ],
            options={
                "indexes": [
                    models.Index(fields=["event", "changed_in", "ticket"], name="door_marks_by_change"),
                ],
            },
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
