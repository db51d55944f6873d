"""The admin of webhooks and of their messages."""

from tickets.webhooks.admin.endpoints import WebhookAdmin
from tickets.webhooks.admin.messages import WebhookMessageAdmin

__all__ = ["WebhookAdmin", "WebhookMessageAdmin"]
