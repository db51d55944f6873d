"""The admin of rows with a secret, which is shown once, after the row was made, and not stored."""

from typing import Any, ClassVar
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
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from events.admin.base import OwnAdmin
from ticketing.ids import new_id

# A hidden field of each empty form: the signed id of the row that the form will make. A repeated
# form has the same id, and so cannot make a second row.
_FIELD = "new_row"
_SALT = "events.admin.once"


class OnceAdmin(OwnAdmin):
    """
    The admin of rows with a secret, such as API tokens.

    A form that is sent again, by a reload of the page with the secret, makes no second row.
    """

    change_form_before_template = "admin/new_row.html"
    # Where the secret belongs.
    keep_secret: ClassVar[Any] = gettext_lazy("Store it where your system keeps its passwords.")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> Any:
        row_id = _planned_id(request) or new_id()
        if repeated := self._answer_repeated_form(request, row_id):
            return repeated
        context = {**(extra_context or {}), _FIELD: _sign_id(request, row_id)}
        try:
            return super().add_view(request, form_url, context)
        except IntegrityError:
            # The same form was sent twice at once, and the other request has made the row.
            if repeated := self._answer_repeated_form(request, row_id):
                return repeated
            raise

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: Any) -> None:
        if not change:
            obj.pk = _planned_id(request) or obj.pk
            # Only in memory, for `response_add`: the object ends with this request.
            obj.shown_once = self.make_secret(obj)
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: Any = None) -> Any:
        return show_secret(self, request, row=obj, secret=obj.shown_once)

    def make_secret(self, row: Any) -> str:
        """Make and return the secret of a new row, and set its digest on the row."""
        raise NotImplementedError

    def _answer_repeated_form(self, request: HttpRequest, row_id: UUID) -> HttpResponse | None:
        """Return a redirect to the row if this form has made it before, else None."""
        if request.method != "POST":
            return None
        row = self.get_queryset(request).filter(pk=row_id).first()
        return redirect_to_made_row(request, row) if row is not None else None


def show_secret(
    model_admin: ModelAdmin, request: HttpRequest, *, row: Model, secret: str
) -> HttpResponse:
    """Return the page that shows a secret. Browsers and proxies must not store it."""
    opts = model_admin.model._meta  # noqa: SLF001 - as Django's admin does
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": opts,
        "title": _("Copy this now"),
        "row": row,
        "secret": secret,
        "keep": getattr(model_admin, "keep_secret", ""),
        "row_page": _page_of(row),
    }
    page = TemplateResponse(request, "admin/shown_once.html", context)
    patch_cache_control(page, private=True, no_store=True)
    return page


def redirect_to_made_row(request: HttpRequest, row: Model) -> HttpResponse:
    """Redirect to the row that a repeated form has made before. Its secret is not shown again."""
    messages.warning(
        request, _("This form was sent before and made this row. No second row was made.")
    )
    return redirect(_page_of(row))


def _page_of(row: Model) -> str:
    opts = row._meta  # noqa: SLF001 - as Django's admin does
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[quote(row.pk)])


def _sign_id(request: HttpRequest, row_id: UUID) -> str:
    return signing.dumps([request.user.pk, str(row_id)], salt=_SALT)


def _planned_id(request: HttpRequest) -> UUID | None:
    """Return the row id in the sent form, if it was signed for this user."""
    try:
        user_id, row_id = signing.loads(request.POST.get(_FIELD, ""), salt=_SALT)
    except signing.BadSignature:
        return None
    return UUID(row_id) if user_id == request.user.pk else None
