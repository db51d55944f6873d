"""Template tags and filters of pages."""
