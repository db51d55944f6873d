"""Which entries of the admin's menu a user sees: those of pages that the user may open."""

from django.contrib import admin
from django.http import HttpRequest


def may_open(request: HttpRequest, page: str) -> bool:
    """
    Return whether the user may open the list of a model.

    :param page: app and model, as "events_event"
    """
    app, _, model = page.partition("_")
    for known, model_admin in admin.site._registry.items():  # noqa: SLF001 - it has no other way
        meta = known._meta  # noqa: SLF001 - as Django's admin does
        if (meta.app_label, meta.model_name) == (app, model):
            return bool(model_admin.has_view_permission(request))
    return False
