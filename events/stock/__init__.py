"""How much of an event is left: holds in Redis, and the record of it in PostgreSQL."""
