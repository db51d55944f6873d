"""Our PostgreSQL backend for Django: its own, and a cheaper way to try a kept connection."""
