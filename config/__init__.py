"""The configuration of every process: settings, Celery app, URLs. No app may import it."""

from config.celery import app as celery_app

__all__ = ["celery_app"]
