"""One version for the package, the document and the changelog; and how something goes away."""

import re
import tomllib
from datetime import date, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.utils import OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient
from rest_framework.views import APIView

from events.organizing import SlugTaken
from ticketing.api.deprecation import NOTICE, Deprecation
from ticketing.api.quick import answer_json, quickly
from ticketing.api.schema import operation

ROOT = Path(settings.BASE_DIR)
SINCE, SUNSET = date(2027, 1, 1), date(2027, 7, 2)
TOLD = {
    "Deprecation": "@1798761600",
    "Sunset": "Fri, 02 Jul 2027 00:00:00 GMT",
    "Link": '</docs>; rel="deprecation"; type="text/html"',
}


class Shows(APIView):
    @operation(
        "list_shows",
        anyone=True,
        answers={200: OpenApiResponse(description="The shows.")},
        deprecation=Deprecation(since=SINCE, sunset=SUNSET),
    )
    def get(self, request: Request) -> Response:
        """Return the shows."""
        return Response([])

    @operation("create_show", anyone=True, answers={200: OpenApiResponse(description="The show.")})
    def post(self, request: Request) -> Response:
        """Create a show."""
        return Response({})


class FullShows(APIView):
    @operation(
        "list_full_shows",
        anyone=True,
        answers={200: OpenApiResponse(description="The shows.")},
        deprecation=Deprecation(since=SINCE, sunset=SUNSET),
    )
    def get(self, request: Request) -> Response:
        """Refuse to."""
        raise SlugTaken


class QuickShows(Shows):
    @staticmethod
    def quick_get(_request: HttpRequest) -> HttpResponse:
        return answer_json([])


urls = ModuleType("urls")
urls.urlpatterns = [  # type: ignore[attr-defined]
    path("events/shows", Shows.as_view()),
    path("events/full", FullShows.as_view()),
    path("events/quick", quickly(QuickShows)),
]


def versions_of_changelog() -> list[tuple[str, str]]:
    text = (ROOT / "CHANGELOG.md").read_text()
    return re.findall(r"^## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d{2}-\d{2})$", text, re.MULTILINE)


def test_package_document_and_changelog_have_one_version():
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    made = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    (committed,) = re.findall(
        r"^  version: (\S+)$", (ROOT / "docs/openapi.yaml").read_text(), re.MULTILINE
    )

    assert {made["info"]["version"], committed, versions_of_changelog()[0][0]} == {package}


def test_the_changelog_has_each_version_once_with_its_day_the_newest_first():
    versions = versions_of_changelog()
    numbers = [tuple(map(int, number.split("."))) for number, _ in versions]
    days = [date.fromisoformat(day) for _, day in versions]
    headings = re.findall(r"^##+ (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert numbers == sorted(set(numbers), reverse=True)
    assert days == sorted(days, reverse=True)
    assert {heading for heading in headings if not heading.startswith("[")} <= {
        "Added",
        "Changed",
        "Deprecated",
        "Removed",
        "Fixed",
        "Security",
    }


@override_settings(ROOT_URLCONF=urls)
@pytest.mark.parametrize(
    ("call", "where", "status"),
    [
        ("get", "shows", 200),
        ("head", "shows", 200),
        ("get", "quick", 200),
        ("get", "full", 409),
        ("get", "shows?unknown=1", 400),
    ],
)
def test_each_answer_of_a_deprecated_operation_says_so(
    api: APIClient, call: str, where: str, status: int
):
    answer = getattr(api, call)(f"/events/{where}")

    assert answer.status_code == status
    assert {name: answer.headers.get(name) for name in TOLD} == TOLD


@override_settings(ROOT_URLCONF=urls)
@pytest.mark.parametrize(
    ("call", "where"), [("post", "/events/shows"), ("put", "/events/shows"), ("get", "/nowhere")]
)
def test_no_other_answer_says_so(api: APIClient, call: str, where: str):
    answer = getattr(api, call)(where)

    assert not TOLD.keys() & answer.headers.keys()


def test_the_document_names_what_is_deprecated_and_its_headers():
    made = SchemaGenerator(urlconf=urls).get_schema(public=True)  # type: ignore[no-untyped-call]
    shows = made["paths"]["/events/shows"]

    assert shows["get"]["deprecated"] is True
    assert {"Deprecation", "Sunset"} <= shows["get"]["responses"]["200"]["headers"].keys()
    assert {"Deprecation", "Sunset"} <= made["components"]["headers"].keys()
    assert "deprecated" not in shows["post"]
    assert not TOLD.keys() & shows["post"]["responses"]["200"]["headers"].keys()


def test_a_notice_shorter_than_the_policy_promises_is_refused():
    assert f"{NOTICE.days} days" in (ROOT / "docs/versioning.md").read_text()
    with pytest.raises(ValueError, match="182 days"):
        Deprecation(since=SINCE, sunset=SUNSET - timedelta(days=1))
