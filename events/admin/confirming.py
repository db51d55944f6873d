"""Actions of a detail page, made from actions on the rows of a list."""

from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from events.admin.base import OwnAdmin, chosen
from ticketing.asking import (
    ListAction,
    PageAction,
    Question,
    after_asking,
    ask_first,
    dangerous,
)

__all__ = ["Question", "after_asking", "ask_first", "dangerous", "on_its_page"]


def on_its_page(act: ListAction) -> PageAction:
    """Make an action of a detail page from an action on rows. It redirects back to that page."""

    @wraps(act)
    def act_on_one(model_admin: OwnAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
        opts = model_admin.model._meta  # noqa: SLF001 - as Django's admin does
        page = act(model_admin, request, chosen(model_admin, request, object_id))
        return page or redirect(f"admin:{opts.app_label}_{opts.model_name}_change", object_id)

    return act_on_one
