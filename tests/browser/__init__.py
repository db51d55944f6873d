"""Tests that drive the pages of a whole local stack in a real browser."""
