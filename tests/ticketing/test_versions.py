"""Versions: one for the package, the document and the changelog; and deprecated operations."""

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
HEADERS = {
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
        """Refuse the request."""
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


def test_the_package_the_document_and_the_changelog_have_the_same_version():
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    generated = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    (committed,) = re.findall(
        r"^  version: (\S+)$", (ROOT / "docs/openapi.yaml").read_text(), re.MULTILINE
    )

    assert {generated["info"]["version"], committed, versions_of_changelog()[0][0]} == {package}


def test_the_changelog_has_each_version_once_with_its_date_and_the_newest_first():
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
def test_each_response_of_a_deprecated_operation_has_the_headers(
    api: APIClient, call: str, where: str, status: int
):
    response = getattr(api, call)(f"/events/{where}")

    assert response.status_code == status
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS


@override_settings(ROOT_URLCONF=urls)
@pytest.mark.parametrize(
    ("call", "where"), [("post", "/events/shows"), ("put", "/events/shows"), ("get", "/nowhere")]
)
def test_responses_of_other_operations_have_no_such_headers(api: APIClient, call: str, where: str):
    response = getattr(api, call)(where)

    assert not HEADERS.keys() & response.headers.keys()


def test_the_document_marks_deprecated_operations_and_describes_their_headers():
    document = SchemaGenerator(urlconf=urls).get_schema(  # type: ignore[no-untyped-call]
        public=True
    )
    shows = document["paths"]["/events/shows"]

    assert shows["get"]["deprecated"] is True
    assert {"Deprecation", "Sunset"} <= shows["get"]["responses"]["200"]["headers"].keys()
    assert {"Deprecation", "Sunset"} <= document["components"]["headers"].keys()
    assert "deprecated" not in shows["post"]
    assert not HEADERS.keys() & shows["post"]["responses"]["200"]["headers"].keys()


def test_a_deprecation_with_a_shorter_notice_than_promised_is_refused():
    assert f"{NOTICE.days} days" in (ROOT / "docs/versioning.md").read_text()
    with pytest.raises(ValueError, match="182 days"):
        Deprecation(since=SINCE, sunset=SUNSET - timedelta(days=1))
