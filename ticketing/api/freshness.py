"""Telling a caller whether what he has is still what there is."""

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

# As many digits as a bigint has.
_WITH_REVISION: Final = re.compile(r'"(?P<revision>[0-9]{1,19})-[0-9a-f]{24}"')


def set_last_modified(answer: HttpResponseBase, moments: Sequence[datetime]) -> None:
    """Say when the newest of what is shown was changed, to the second that HTTP has."""
    if moments:
        answer.headers["Last-Modified"] = http_date(int(max(moments).timestamp()))


def etag_of(content: bytes, revision: int | None = None) -> str:
    """
    Return the entity tag of a representation.

    It is of all that is shown, live figures too. With a `revision` it also says which state of
    what an organizer can change is shown; `revision_in` reads it.
    """
    digest = hashlib.blake2b(content, digest_size=12).hexdigest()
    return f'"{digest}"' if revision is None else f'"{revision}-{digest}"'


def etag_of_shown(shown: Any, revision: int | None = None) -> str:
    """Return the entity tag of what a view is about to answer with."""
    return etag_of(JSONRenderer().render(shown), revision)


def revision_in(etag: str) -> int | None:
    """Return the revision that a tag of ours carries."""
    found = _WITH_REVISION.fullmatch(etag)
    return int(found["revision"]) if found else None


def tag(request: HttpRequest, answer: HttpResponse, revision: int | None = None) -> HttpResponse:
    """
    Give an answer its `ETag`, or answer 304 if the caller has just that.

    A 304 is never an old one. Each time it is asked for (`no-cache`).
    """
    return answer_tagged(request, answer, etag_of(answer.content, revision))


def answer_tagged(request: HttpRequest, answer: HttpResponse, etag: str) -> HttpResponse:
    """Do the same with a tag that is known already."""
    answer.headers["ETag"] = etag
    answer.headers["Cache-Control"] = "no-cache"
    if "HTTP_IF_NONE_MATCH" not in request.META:
        return answer
    told = get_conditional_response(request, etag=etag, response=answer)
    assert isinstance(told, HttpResponse)  # noqa: S101 - it is ours, or an empty one
    return told


def tag_when_rendered(request: Request, answer: Response, revision: int | None = None) -> Response:
    """Do the same to what a view answers."""
    plain = request._request  # noqa: SLF001
    answer.add_post_render_callback(partial(tag, plain, revision=revision))
    return answer
