"""The pages that explain problems to people. The `type` of a problem is the path of its page."""

from collections.abc import Iterable
from typing import Any, Final

from django.http import Http404, HttpResponse
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation.trans_real import parse_accept_lang_header
from drf_spectacular.utils import OpenApiParameter
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from ticketing.api.explanations import ENGLISH, explanation_of, sections_in
from ticketing.api.queries import InvalidQuery
from ticketing.api.schema import operation

# By the names that `?lang=` and `Content-Language` use.
_LANGUAGES: Final = {"en": "en", "pt-BR": "pt-br"}
_NAMES: Final = {"en": "English", "pt-BR": "Português"}
_LANG: Final = OpenApiParameter(
    "lang",
    {"type": "string", "enum": list(_LANGUAGES)},
    description="The language of the page. Without it `Accept-Language` decides, else English.",
)


class _AlwaysHtml(BaseContentNegotiation):
    """Return the page in HTML and ignore `Accept`."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        return JSONRenderer(), "text/html"

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> None:
        return None


class Problems(APIView):
    authentication_classes = []
    content_negotiation_class = _AlwaysHtml

    @operation(
        "list_problems",
        anyone=True,
        answers={(200, "text/html"): str},
        parameters=[_LANG],
    )
    def get(self, request: Request) -> HttpResponse:
        """Show a page with the code of every problem."""
        language = _language_of(request)
        context = {"sections": sections_in(_LANGUAGES[language])}
        return _render("problems/index.html", context, language)


class OneProblem(APIView):
    authentication_classes = []
    content_negotiation_class = _AlwaysHtml

    @operation(
        "explain_problem",
        anyone=True,
        answers={(200, "text/html"): str},
        parameters=[_LANG],
        refusals=[Http404],
    )
    def get(self, request: Request, code: str) -> HttpResponse:
        """
        Show a page that explains a problem: what it means and what to do.

        A problem's `type` is this path.
        """
        language = _language_of(request)
        problem = explanation_of(code, _LANGUAGES[language])
        if problem is None:
            raise Http404
        return _render("problems/one.html", {"problem": problem}, language)


def _language_of(request: Request) -> str:
    sent = request.query_params.get("lang")
    if sent is not None:
        if sent not in _LANGUAGES:
            raise InvalidQuery({"lang": [f"Send one of {', '.join(_LANGUAGES)}."]})
        return sent
    for accepted, _ in parse_accept_lang_header(request.headers.get("Accept-Language", "").lower()):
        primary = accepted.partition("-")[0]
        matching = [name for name, code in _LANGUAGES.items() if code.partition("-")[0] == primary]
        if matching:
            return matching[0]
    return ENGLISH


def _render(template: str, context: dict[str, Any], language: str) -> HttpResponse:
    others = [(name, _NAMES[name]) for name in _LANGUAGES if name != language]
    with translation.override(_LANGUAGES[language]):
        page = render_to_string(template, {**context, "language": language, "others": others})
    return HttpResponse(page, headers={"Content-Language": language, "Vary": "Accept-Language"})
