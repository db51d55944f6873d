"""Webhooks: HTTP requests that notify organizers' systems of changes."""
