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
        if not (
            wanted.isascii() and wanted.isdigit() and 1 <= int(wanted[:6]) <= self.max_page_size
        ):
            raise ValidationError({"page_size": [f"A number from 1 to {self.max_page_size}."]})
        return int(wanted)

    def get_page_number(self, request: Request, paginator: object) -> str:
        wanted = request.query_params.get(self.page_query_param, "1")
        if not (wanted.isascii() and wanted.isdigit() and 1 <= int(wanted[:6]) <= _DEEPEST_PAGE):
            raise ValidationError({"page": [f"A number from 1 to {_DEEPEST_PAGE}."]})
        return wanted
