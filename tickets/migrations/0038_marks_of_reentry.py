"""Mark a ticket also when its holder leaves or enters again."""

from django.db import migrations

DROP = "DROP TRIGGER mark_changed_ticket ON tickets_ticket;"
CREATE = """
CREATE TRIGGER mark_changed_ticket
  AFTER UPDATE OF status, inside, last_entry_at ON tickets_ticket
  FOR EACH ROW WHEN (
    (NEW.status, NEW.inside, NEW.last_entry_at)
    IS DISTINCT FROM (OLD.status, OLD.inside, OLD.last_entry_at))
  EXECUTE FUNCTION mark_ticket();
"""
AS_BEFORE = """
CREATE TRIGGER mark_changed_ticket AFTER UPDATE OF status ON tickets_ticket
  FOR EACH ROW WHEN (NEW.status <> OLD.status) EXECUTE FUNCTION mark_ticket();
"""


class Migration(migrations.Migration):
    dependencies = [("tickets", "0037_index_conflicts")]

    operations = [migrations.RunSQL(DROP + CREATE, DROP + AS_BEFORE)]
