"""Signing in to the admin: passwords that were forgotten, and mails about accounts."""
