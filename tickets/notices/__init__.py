"""Mails that tell buyers of cancellations, changes and refunds."""
