"""From where an order came is kept while its event sells, by address and by network."""

from importlib import import_module

from django.db import migrations, models

# As orders/sql/counted_email.sql was then.
COUNTED_EMAIL = """
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
END $$
"""
UNTIL_IT_ENDS = """
CREATE OR REPLACE FUNCTION note_order_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.status NOT IN ('reserved', 'processing', 'paid') THEN
    NEW.address_digest := '';
    NEW.network_digest := '';
  END IF;
  -- To forget from where it came is no change that anybody follows.
  IF NEW.status = OLD.status AND NEW.address_digest IS DISTINCT FROM OLD.address_digest THEN
    NEW.modified_at := OLD.modified_at;
  ELSE
    NEW.modified_at := clock_timestamp();
  END IF;
  RETURN NEW;
END $$
"""
WHILE_RESERVED = import_module("orders.migrations.0008_shares_of_reservations").FORGET


class Migration(migrations.Migration):
    dependencies = [("orders", "0009_announce_refunds")]

    operations = [
        migrations.AddField(
            model_name="order",
            name="network_digest",
            field=models.CharField(db_default="", default="", editable=False, max_length=16),
        ),
        migrations.RunSQL(UNTIL_IT_ENDS, WHILE_RESERVED),
        migrations.RunSQL(COUNTED_EMAIL, "DROP FUNCTION counted_email(text)"),
    ]
