"""A page of the admin that shows what an act does, takes its details, and asks to confirm it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from events.admin.base import OwnAdmin
from events.admin.refusals import say_refusal
from ticketing.errors import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class ActPage:
    """The texts of such a page. `confirm` and `keep` name the object: "Keep the order"."""

    title: str
    lead: str
    confirm: str
    keep: str
    # Where `keep` leads to.
    back: str
    consequences: Sequence[str] = ()
    form: forms.Form | None = None
    # The names of the fields that the frame shows. None: all of them.
    shows: Collection[str] | None = None
    # Hidden fields that come back with the answer.
    carries: Mapping[str, Any] = field(default_factory=dict)
    is_destructive: bool = False

    @property
    def fields(self) -> list[forms.BoundField]:
        """Return the form's fields that the frame shows, hidden ones included."""
        if self.form is None:
            return []
        return [field for field in self.form if self.shows is None or field.name in self.shows]


def show_page(
    model_admin: OwnAdmin,
    request: HttpRequest,
    page: ActPage,
    *,
    template: str = "admin/act_page.html",
    **more: Any,
) -> HttpResponse:
    """Return the page in the frame of the admin."""
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.model._meta,  # noqa: SLF001 - as Django's admin does
        "title": page.title,
        "page": page,
        **more,
    }
    return TemplateResponse(request, template, context)


def show_refusal(request: HttpRequest, refusal: Refusal, *, about: object) -> None:
    """Show why a verb has refused an act, on the next page."""
    messages.error(request, f"{about}: {say_refusal(refusal)}")
