"""Paths of the API: the ids and the slashes that they match."""

import pytest
from django.http import HttpRequest, HttpResponse

from ticketing.api.paths import api_path

ID = "0190a2b4-1111-7222-8333-aaaabbbbcccc"


def answer(request: HttpRequest, **named: str) -> HttpResponse:
    return HttpResponse()


@pytest.mark.parametrize("end", ["", "/"])
@pytest.mark.parametrize("order_id", [ID, ID.upper()])
def test_a_path_matches_an_id_in_any_case_and_an_optional_slash_at_its_end(order_id: str, end: str):
    match = api_path("orders/<id:order_id>/lines.csv", answer).resolve(
        f"orders/{order_id}/lines.csv{end}"
    )

    assert match is not None
    assert match.kwargs == {"order_id": order_id}


@pytest.mark.parametrize(
    "path",
    [
        f"orders/{ID}/lines.csv//",
        f"orders/{ID}/lines.csv\n",
        f"orders/{ID}/linesXcsv",
        f"old/orders/{ID}/lines.csv",
        f"orders/{ID[:-1]}/lines.csv",
        f"orders/{ID.replace('-', '')}/lines.csv",
        f"orders/{ID[:-1]}g/lines.csv",
    ],
)
def test_a_path_matches_nothing_else(path: str):
    assert api_path("orders/<id:order_id>/lines.csv", answer).resolve(path) is None
