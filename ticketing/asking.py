"""Actions of the admin that ask first, and the mark of those that must stand apart."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import wraps
from typing import Any, TypeVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

_MOST_LISTED = 20

# Methods of a model admin: an action on the selected rows of a list, and one of a detail page.
ListAction = Callable[[Any, HttpRequest, QuerySet[Any]], HttpResponse | None]
PageAction = Callable[[Any, HttpRequest, str], HttpResponse]

Act = TypeVar("Act", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The texts of a page that asks for confirmation. Lazy texts are translated when shown."""

    text: Any
    consequences: Collection[Any]
    # The button. It names what it does, never just "Yes".
    confirm: Any
    # The link back. It names what stays as it is.
    keep: Any
    # Whether the button needs no warning color.
    is_harmless: bool = False
    # The rows that the page lists, if not all selected rows.
    about: Collection[Any] | QuerySet[Any] | None = None
    # Hidden fields of the form, which come back when the user confirms.
    carries: Mapping[str, Any] = field(default_factory=dict)


# A question, or a function that makes one for the selected rows.
QuestionOrFactory = Question | Callable[[QuerySet[Any]], Question]


def dangerous(act: Act) -> Act:
    """
    Mark an action that destroys something, or that cannot be undone.

    It stands in a group of its own, after all harmless actions, and must ask for confirmation: by
    `after_asking`, or by a page of its own.
    """
    act.is_dangerous = True  # type: ignore[attr-defined]  # a function
    return act


def is_dangerous(act: Callable[..., Any] | None, name: str = "") -> bool:
    """Return whether an action stands apart. Django's own deletion is named `delete_selected`."""
    return name == "delete_selected" or getattr(act, "is_dangerous", False)


def after_asking(question: QuestionOrFactory) -> Callable[[ListAction], ListAction]:
    """Decorate an action: show the question first, and act after the user confirms."""

    def decorate(act: ListAction) -> ListAction:
        @wraps(act)
        def ask_or_act(
            model_admin: Any, request: HttpRequest, rows: QuerySet[Any]
        ) -> HttpResponse | None:
            page = ask_first(model_admin, request, question, action=act.__name__, rows=rows)
            return page or act(model_admin, request, rows)

        return ask_or_act

    return decorate


def ask_first(
    model_admin: Any,
    request: HttpRequest,
    question: QuestionOrFactory,
    *,
    action: str,
    rows: QuerySet[Any],
) -> HttpResponse | None:
    """
    Return a page that asks for confirmation, or None if the user has confirmed.

    The buttons of a detail page are links, and a GET request must not change anything.
    """
    if request.POST.get("confirmed") == "yes":
        return None
    if not isinstance(question, Question):
        question = question(rows)
    listed = rows if question.about is None else question.about
    context = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.model._meta,  # noqa: SLF001 - as Django's admin does
        "title": question.text,
        "action": action,
        "question": question.text,
        "consequences": question.consequences,
        "rows": list(listed)[:_MOST_LISTED],
        "ids": [row.pk for row in listed],
        "confirm": question.confirm,
        "keep": question.keep,
        "is_harmless": question.is_harmless,
        "carries": question.carries,
    }
    return TemplateResponse(request, "admin/ask_first.html", context)
