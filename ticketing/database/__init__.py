"""Our PostgreSQL backend for Django: timeouts by kind of process, and careful migrations."""
