"""`ETag`, `Last-Modified` and 304: whether the copy that a caller has is still current."""

import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

# A bigint has at most 19 digits.
_WITH_REVISION: Final = re.compile(r'"(?P<revision>[0-9]{1,19})-[0-9a-f]{24}"')


def set_last_modified(response: HttpResponseBase, moments: Sequence[datetime]) -> None:
    """Set `Last-Modified` to the newest of the moments at which the shown rows changed."""
    if moments:
        response.headers["Last-Modified"] = http_date(int(max(moments).timestamp()))


def etag_of(content: bytes, revision: int | None = None) -> str:
    """
    Return the entity tag of the content of a response.

    The tag changes with every figure in the content, also with availability. With a `revision` it
    also contains that number, which changes only if an organizer changes something; `revision_in`
    reads it.
    """
    digest = hashlib.blake2b(content, digest_size=12).hexdigest()
    return f'"{digest}"' if revision is None else f'"{revision}-{digest}"'


def etag_of_shown(shown: Any, revision: int | None = None) -> str:
    """Return the entity tag of the data that a view is about to return as JSON."""
    return etag_of(JSONRenderer().render(shown), revision)


def revision_in(etag: str) -> int | None:
    """Return the revision in a tag of ours, or None if it has none."""
    found = _WITH_REVISION.fullmatch(etag)
    return int(found["revision"]) if found else None


def tag(request: HttpRequest, response: HttpResponse, revision: int | None = None) -> HttpResponse:
    """Set the `ETag` of a response, or return a 304 if the caller's copy has the same one."""
    return answer_tagged(request, response, etag_of(response.content, revision))


def answer_tagged(request: HttpRequest, response: HttpResponse, etag: str) -> HttpResponse:
    """Do the same as `tag`, with an entity tag that is computed already."""
    response.headers["ETag"] = etag
    # A cache may store the response and must ask again before each use.
    response.headers["Cache-Control"] = "no-cache"
    if "HTTP_IF_NONE_MATCH" not in request.META:
        return response
    conditional = get_conditional_response(request, etag=etag, response=response)
    assert isinstance(conditional, HttpResponse)  # noqa: S101 - `response`, or a 304 or 412
    return conditional


def tag_when_rendered(
    request: Request, response: Response, revision: int | None = None
) -> Response:
    """Do the same as `tag` to the response of a view, once its content is rendered."""
    plain = request._request  # noqa: SLF001
    response.add_post_render_callback(partial(tag, plain, revision=revision))
    return response
