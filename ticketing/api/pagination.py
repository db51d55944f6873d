"""Pagination of lists: by page number, or after the last row of a list of changes."""

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
    "This filter would hide rows that no longer match it after a change. Leave it out beside"
    " `modified_since`."
)
# The database reads all pages before the requested one, so a deeper page would be slow.
DEEPEST_PAGE = 1_000


class NumberedPages(PageNumberPagination):
    """Pages by `page` and `page_size`. The response is `{count, next, previous, results}`."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100

    def get_page_size(self, request: Request) -> int:
        return read_page_size(request)

    def get_page_number(self, request: Request, paginator: object) -> int:
        sent = request.query_params.get(self.page_query_param, "1")
        return _read_number("page", sent, DEEPEST_PAGE)


class ChangesQuery(serializers.Serializer[Any]):
    """The query parameters of a list that can be read in the order of its rows' changes."""

    # Filters that a row can cease to match by a change. They are refused beside `modified_since`,
    # because a client that follows the changes would not see such a row again.
    changeable_filters: tuple[str, ...] = ("status",)
    # Whether `after` may be sent without `modified_since`.
    allows_after_alone = False

    modified_since = MomentField(
        required=False,
        help_text="Only rows that have changed since then, in the order of the changes. Next time,"
        " start from a minute before the last `modified_at` that you have seen.",
    )
    after = serializers.UUIDField(
        required=False,
        help_text="Set by `next`, beside `modified_since`: the last row of the page before.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "modified_since" in attrs:
            if hiding := [name for name in self.changeable_filters if name in attrs]:
                errors = {name: [_HIDES_CHANGES] for name in hiding}
                raise ValidationError(errors, code="sent_beside_others")
        elif "after" in attrs and not self.allows_after_alone:
            raise ValidationError(
                {"after": ["Send `modified_since` beside it."]}, code="modified_since_needed"
            )
        return attrs


class PagesOfChanges(NumberedPages):
    """
    Pages of a list in the order of its rows' changes. `next` names the last row, not a number.

    A row that changes while a client reads moves to the end of the list. With page numbers, each
    row behind it would move up one place, and the client would miss one.
    """

    def get_next_link(self) -> str | None:
        if self.page is None or self.request is None or not self.page.has_next():
            return None
        shown = list(self.page)
        if not shown:
            # All rows have left the list since the count.
            return None
        last = shown[-1]
        link = remove_query_param(self.request.build_absolute_uri(), self.page_query_param)
        link = replace_query_param(link, "modified_since", show_moment(last.modified_at))
        return replace_query_param(link, "after", str(last.pk))

    def get_previous_link(self) -> None:
        """Return None: rows before this page may have changed and moved."""


def read_page_size(request: Request) -> int:
    """
    Return the number of rows of a page.

    :raises InvalidQuery: if it is not a number, or too high
    """
    sent = request.query_params.get(NumberedPages.page_size_query_param)
    if sent is None:
        return NumberedPages.page_size
    return _read_number("page_size", sent, NumberedPages.max_page_size)


def pages_of(query: Mapping[str, Any]) -> NumberedPages:
    """Return the pagination for a list's validated query parameters."""
    return PagesOfChanges() if "modified_since" in query else NumberedPages()


def _read_number(name: str, text: str, highest: int) -> int:
    fits = text.isascii() and text.isdigit() and len(text) <= len(str(highest))
    if not fits or not 1 <= int(text) <= highest:
        raise InvalidQuery({name: [f"Send a number from 1 to {highest}."]})
    return int(text)
