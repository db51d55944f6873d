"""How a process is wired: settings, the Celery app, the URLs. Imported by nobody."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
