"""Exports: an organizer's orders, tickets, attendees, admissions and ledger as files."""
