"""Actions that ask before they act: a question, and then what its answer starts."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from events.admin.base import OwnAdmin, chosen
from ticketing.sound_admin import SoundAdmin

_MOST_LISTED = 20

# Methods of an admin: about rows that somebody chose from a list, and about the row of one page.
ListAction = Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse | None]
PageAction = Callable[[Any, HttpRequest, str], HttpResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The words of a page that asks whether to go on, translated when it is shown."""

    text: Any
    consequences: Collection[Any]
    confirm: Any
    # What the page lists, if not the rows themselves.
    about: Collection[Any] | QuerySet[Any] | None = None
    # What comes back with the answer.
    carries: Mapping[str, Any] = field(default_factory=dict)


# A question, or what makes one for the rows that it is about.
Asked = Question | Callable[[QuerySet[Any]], Question]


def after_asking(question: Asked) -> Callable[[ListAction], ListAction]:
    """Make an action show its question first, and act once the answer is yes."""

    def decorate(act: ListAction) -> ListAction:
        @wraps(act)
        def ask_or_act(
            model_admin: SoundAdmin, request: HttpRequest, rows: QuerySet[Any]
        ) -> HttpResponse | None:
            page = ask_first(model_admin, request, question, action=act.__name__, rows=rows)
            return page or act(model_admin, request, rows)

        return ask_or_act

    return decorate


def on_its_page(act: ListAction) -> PageAction:
    """Make an action that takes rows one of a row's own page. It leads back there."""

    @wraps(act)
    def act_on_one(model_admin: OwnAdmin, request: HttpRequest, object_id: str) -> HttpResponse:
        opts = model_admin.model._meta  # noqa: SLF001 - the admin's own way
        page = act(model_admin, request, chosen(model_admin, request, object_id))
        return page or redirect(f"admin:{opts.app_label}_{opts.model_name}_change", object_id)

    return act_on_one


def ask_first(
    model_admin: SoundAdmin,
    request: HttpRequest,
    question: Asked,
    *,
    action: str,
    rows: QuerySet[Any],
) -> HttpResponse | None:
    """
    Return a page that asks whether to go on, or None if the answer was yes.

    A button of a detail page is a link, and a link must not change anything by itself.
    """
    if request.POST.get("confirmed") == "yes":
        return None
    if not isinstance(question, Question):
        question = question(rows)
    listed = rows if question.about is None else question.about
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.model._meta,  # noqa: SLF001 - the admin's own way
        "title": _("Are you sure?"),
        "action": action,
        "question": question.text,
        "consequences": question.consequences,
        "rows": list(listed)[:_MOST_LISTED],
        "ids": [row.pk for row in listed],
        "confirm": question.confirm,
        "carries": question.carries,
    }
    return TemplateResponse(request, "admin/ask_first.html", context)
