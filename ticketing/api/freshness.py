"""Telling a caller whether what he has is still what there is."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from rest_framework.request import Request
from rest_framework.response import Response


def tell_last_modified(answer: HttpResponseBase, moments: Sequence[datetime]) -> None:
    """Say when the newest of what is shown was changed, to the second that HTTP has."""
    if moments:
        answer.headers["Last-Modified"] = http_date(int(max(moments).timestamp()))


def tag(request: HttpRequest, answer: HttpResponse) -> HttpResponse:
    """
    Give an answer its `ETag`, or answer 304 if the caller has just that.

    The tag is of all that is in the answer, live figures too: a 304 is never an old one. Each time
    it is asked for (`no-cache`).
    """
    etag = f'"{hashlib.blake2b(answer.content, digest_size=12).hexdigest()}"'
    answer.headers["ETag"] = etag
    answer.headers["Cache-Control"] = "no-cache"
    if "HTTP_IF_NONE_MATCH" not in request.META:
        return answer
    told = get_conditional_response(request, etag=etag, response=answer)
    assert isinstance(told, HttpResponse)  # noqa: S101 - it is ours, or an empty one
    return told


def tag_when_rendered(request: Request, answer: Response) -> Response:
    """Do the same to what a view answers."""
    answer.add_post_render_callback(partial(tag, request._request))  # noqa: SLF001
    return answer
