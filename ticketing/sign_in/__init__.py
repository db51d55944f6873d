"""Signing in to the admin: forgotten passwords, the second factor, and mails about accounts."""
