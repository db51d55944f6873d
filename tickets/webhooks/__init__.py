"""Webhooks: telling organizers' own systems what has happened."""
