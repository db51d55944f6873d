"""Tests for the comparison of each response in a test with the API's document."""

import pytest
from django.http import HttpResponse, JsonResponse

from tests.documented import NotAsDocumented, check_response

pytestmark = pytest.mark.django_db

PROBLEM = {
    "type": "about:blank",
    "title": "Not found",
    "status": 404,
    "code": "not_found",
    "request_id": "1",
}


def test_a_response_of_the_api_that_is_in_the_document_is_accepted(api):
    # The client compares by itself.
    assert api.get("/events").status_code == 200
    assert api.get("/events/no-such-event").status_code == 404


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (JsonResponse({"results": []}), '"count" is a required property'),
        (JsonResponse({}, status=418), "418 is not in the document"),
        (HttpResponse("<p>", content_type="text/html"), "has a body of text/html"),
        (JsonResponse(PROBLEM, status=400), "has a body of application/json"),
    ],
)
def test_a_response_that_is_not_in_the_document_fails_the_test(response, reason):
    with pytest.raises(NotAsDocumented, match=reason):
        check_response("GET", "/events", response)


def test_an_id_stands_for_one_part_of_a_path_and_a_slash_may_end_it():
    for path in ("/orders/7d9/", "/orders/7d9"):
        with pytest.raises(NotAsDocumented, match=r"GET /orders/\{order_id\} 200"):
            check_response("GET", path, JsonResponse({}))
    check_response("GET", "/orders/7d9/no/such/place", JsonResponse({}))
    check_response("GET", "/admin/", HttpResponse())


def test_an_internal_error_is_left_to_the_test_that_causes_it():
    check_response("GET", "/events", JsonResponse({}, status=500))
