"""Rows with a secret. It is shown on the page that answers the form, and stored nowhere."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.utils import quote
from django.core import signing
from django.db import IntegrityError
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin

from events.admin.base import OwnAdmin
from ticketing.ids import new_id

# Each empty form carries the id of the one row that it makes.
_FIELD = "new_row"
_SALT = "events.admin.once"


class OnceAdmin(OwnAdmin):
    """
    The admin of rows that come with a secret.

    The same form, sent again by a reload of the answer, makes nothing.
    """

    change_form_before_template = "admin/new_row.html"

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        planned = _planned_row(request) or new_id()
        if again := self._made_before(request, planned):
            return again
        shown = {**(extra_context or {}), _FIELD: _plan_row(request, planned)}
        try:
            return super().add_view(request, form_url, shown)
        except IntegrityError:
            # The same form was sent twice at once.
            if again := self._made_before(request, planned):
                return again
            raise

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        if not change:
            obj.pk = _planned_row(request) or obj.pk
            # Kept with the object, which ends with this request.
            obj.shown_once = self.make_secret(obj)
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        return show_secret(self, request, row=obj, secret=obj.shown_once)

    def make_secret(self, row: Any) -> str:
        """Return the secret of a new row, which is about to be saved with its digest."""
        raise NotImplementedError

    def _made_before(self, request: HttpRequest, planned: UUID) -> HttpResponse | None:
        if request.method != "POST":
            return None
        row = self.get_queryset(request).filter(pk=planned).first()
        return redirect_to_made_row(request, row) if row is not None else None


def show_secret(
    model_admin: ModelAdmin, request: HttpRequest, *, row: Model, secret: str
) -> HttpResponse:
    """Answer with the page that shows a secret."""
    opts = model_admin.model._meta  # noqa: SLF001 - the admin's own way
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": opts,
        "title": _("Copy this now"),
        "row": row,
        "secret": secret,
        "row_page": _page_of(row),
    }
    page = TemplateResponse(request, "admin/shown_once.html", context)
    patch_cache_control(page, private=True, no_store=True)
    return page


def redirect_to_made_row(request: HttpRequest, row: Model) -> HttpResponse:
    """Lead to a row whose secret was shown before."""
    messages.warning(
        request, _("This form was sent before. What it made is here, and nothing was made again.")
    )
    return redirect(_page_of(row))


def _page_of(row: Model) -> str:
    opts = row._meta  # noqa: SLF001 - the admin's own way
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[quote(row.pk)])


def _plan_row(request: HttpRequest, row_id: UUID) -> str:
    return signing.dumps([request.user.pk, str(row_id)], salt=_SALT)


def _planned_row(request: HttpRequest) -> UUID | None:
    """Return the id that the sent form carries, if we gave it to this user."""
    try:
        user_id, row_id = signing.loads(request.POST.get(_FIELD, ""), salt=_SALT)
    except signing.BadSignature:
        return None
    return UUID(row_id) if user_id == request.user.pk else None
