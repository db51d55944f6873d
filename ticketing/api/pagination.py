"""How lists are cut into pages."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.utils.urls import remove_query_param, replace_query_param

from ticketing.api.fields import MomentField, show_moment
from ticketing.api.queries import InvalidQuery

_HIDES_CHANGES = (
    "Leave it out beside `modified_since`: what has changed and does not fit it any more would be"
    " hidden."
)
# Deeper pages cost the database as much as all before them.
DEEPEST_PAGE = 1_000


class NumberedPages(PageNumberPagination):
    """`page` and `page_size`; the answer is `{count, next, previous, results}`."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100

    def get_page_size(self, request: Request) -> int:
        return read_page_size(request)

    def get_page_number(self, request: Request, paginator: object) -> int:
        wanted = request.query_params.get(self.page_query_param, "1")
        return _read_number("page", wanted, DEEPEST_PAGE)


class ChangesQuery(serializers.Serializer[Any]):
    """How a list is asked for by its rows' changes."""

    # What a row can cease to fit by a change: asked for by its changes, it would be hidden.
    passing: tuple[str, ...] = ("status",)
    # Whether a list in another order, too, goes on after a row.
    goes_on_without_changes = False

    modified_since = MomentField(
        required=False,
        help_text="Only what has changed since, in the order of the changes. Ask again from a"
        " minute before the last `modified_at` that you have seen.",
    )
    after = serializers.UUIDField(
        required=False, help_text="Set by `next`, beside `modified_since`: the row to go on after."
    )

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "modified_since" in asked:
            if hiding := [name for name in self.passing if name in asked]:
                hidden = {name: [_HIDES_CHANGES] for name in hiding}
                raise ValidationError(hidden, code="sent_beside_others")
        elif "after" in asked and not self.goes_on_without_changes:
            raise ValidationError(
                {"after": ["Send `modified_since` beside it."]}, code="modified_since_needed"
            )
        return asked


class PagesOfChanges(NumberedPages):
    """
    A list in the order of its rows' changes: `next` goes on after the last row, not to a number.

    Whatever changes meanwhile moves to the end, and would draw another row past a page's border.
    """

    def get_next_link(self) -> str | None:
        if self.page is None or self.request is None or not self.page.has_next():
            return None
        shown = list(self.page)
        if not shown:
            # All of them have left since they were counted.
            return None
        last = shown[-1]
        link = remove_query_param(self.request.build_absolute_uri(), self.page_query_param)
        link = replace_query_param(link, "modified_since", show_moment(last.modified_at))
        return replace_query_param(link, "after", str(last.pk))

    def get_previous_link(self) -> None:
        """There is no way back: what was there may have moved on."""


def read_page_size(request: Request) -> int:
    """
    Return how many rows a page is to have.

    :raises InvalidQuery: if that is no number, or too many
    """
    wanted = request.query_params.get(NumberedPages.page_size_query_param)
    if wanted is None:
        return NumberedPages.page_size
    return _read_number("page_size", wanted, NumberedPages.max_page_size)


def pages_of(asked: Mapping[str, Any]) -> NumberedPages:
    """Return how the list that was asked for is cut."""
    return PagesOfChanges() if "modified_since" in asked else NumberedPages()


def _read_number(name: str, text: str, highest: int) -> int:
    fits = text.isascii() and text.isdigit() and len(text) <= len(str(highest))
    if not fits or not 1 <= int(text) <= highest:
        raise InvalidQuery({name: [f"A number from 1 to {highest}."]})
    return int(text)
