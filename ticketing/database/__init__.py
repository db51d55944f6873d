"""Our PostgreSQL backend for Django: timeouts for each kind of process, and safe migrations."""
