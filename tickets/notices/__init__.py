"""Mails that tell buyers what happened to their orders, and members what was sold."""
