"""Responses outside the views: a page for people, and a problem document for programs."""

from http import HTTPStatus

from django.conf import settings
from django.core.exceptions import DisallowedHost, PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import translation
from django.views import defaults

from ticketing.api.problems import BUG, FRAMEWORK, answer_plain
from ticketing.api.requests import is_page
from ticketing.pages.refused import show_refused
from ticketing.pages.shop import is_shop_page


def no_such_page(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Return the response to a path that matches no URL pattern."""
    if is_shop_page(request.path_info):
        return show_refused(request, HTTPStatus.NOT_FOUND)
    if is_page(request):
        return defaults.page_not_found(request, exception)
    detail = "This API has no such path. Check its spelling."
    return answer_plain(request, *FRAMEWORK[Http404], detail)


def request_too_large(request: HttpRequest, *, most: int) -> HttpResponseBase:
    """Return the response to a request whose body is larger than `most` bytes."""
    words = FRAMEWORK[RequestDataTooBig]
    if is_shop_page(request.path_info):
        return show_refused(request, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    if is_page(request):
        with translation.override(translation.get_language_from_request(request)):
            return render(request, "413.html", status=words[0])
    return answer_plain(request, *words, f"The body is too large. Send at most {most} bytes.")


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Return the response to a request that Django refuses to parse."""
    if isinstance(exception, RequestDataTooBig):
        return request_too_large(request, most=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    if is_shop_page(request.path_info):
        return show_refused(request, HTTPStatus.BAD_REQUEST)
    if is_page(request):
        return defaults.bad_request(request, exception)
    detail = (
        "The `Host` header is not allowed here."
        if isinstance(exception, DisallowedHost)
        else "The request is malformed."
    )
    return answer_plain(request, 400, "bad_request", "The request cannot be read", detail)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Return the response to a request that Django forbids outside the views."""
    if is_shop_page(request.path_info):
        return show_refused(request, HTTPStatus.FORBIDDEN)
    if is_page(request):
        return defaults.permission_denied(request, exception)
    return answer_plain(request, *FRAMEWORK[PermissionDenied], "You may not do this here.")


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Return the response to an internal error. The log has the error under the same request id."""
    if is_shop_page(request.path_info):
        return show_refused(request, HTTPStatus.INTERNAL_SERVER_ERROR)
    if is_page(request):
        return defaults.server_error(request)
    return answer_plain(
        request, *BUG, "The error is in our log. Try again, or tell us the `request_id`."
    )
