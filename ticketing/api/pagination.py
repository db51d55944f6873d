"""How lists are cut into pages."""

from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

# Deeper pages cost the database as much as all before them.
_DEEPEST_PAGE = 1_000


class NumberedPages(PageNumberPagination):
    """`page` and `page_size`; the answer is `{count, next, previous, results}`."""

    page_size = 20
    page_size_query_param = "page_size"
    max_page_size = 100

    def get_page_size(self, request: Request) -> int:
        wanted = request.query_params.get(self.page_size_query_param)
        if wanted is None:
            return self.page_size
        return _read_number("page_size", wanted, self.max_page_size)

    def get_page_number(self, request: Request, paginator: object) -> int:
        wanted = request.query_params.get(self.page_query_param, "1")
        return _read_number("page", wanted, _DEEPEST_PAGE)


def _read_number(name: str, text: str, highest: int) -> int:
    fits = text.isascii() and text.isdigit() and len(text) <= len(str(highest))
    if not fits or not 1 <= int(text) <= highest:
        raise ValidationError({name: [f"A number from 1 to {highest}."]})
    return int(text)
