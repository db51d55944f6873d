"""Read the query string of a request. Unknown parameters are refused, never ignored."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

# The attribute of a view's method with its parameters: each name, and whether it may be repeated.
_ATTRIBUTE: Final = "query_parameters"
_UNKNOWN: Final = "Unknown parameter. Leave it out."
_REPEATED: Final = "This parameter was sent several times. Send it once."

Handler = TypeVar("Handler", bound=Callable[..., Any])


class InvalidQuery(ValidationError):
    """The query string is not valid. `errors` names the parameter."""


class KnownParameters(BasePermission):
    """Refuse query parameters that the endpoint's document does not have."""

    def has_permission(self, request: Request, view: Any) -> bool:
        sent = request.query_params
        handler = getattr(view, (request.method or "").lower(), None)
        # A method that the view does not have is refused later, with 405.
        if sent and handler is not None:
            known: dict[str, bool] = getattr(handler, _ATTRIBUTE, {})
            errors = {
                name: [ErrorDetail(_UNKNOWN, code="unknown_parameter")]
                for name in sent
                if name not in known
            } | {
                name: [ErrorDetail(_REPEATED, code="repeated_parameter")]
                for name in sent
                if known.get(name) is False and len(sent.getlist(name)) > 1
            }
            if errors:
                raise InvalidQuery(errors)
        return True


def takes_parameters(handler: Handler, parameters: Iterable[Any]) -> Handler:
    """Attach the allowed query parameters to a view's method, for `KnownParameters`."""
    setattr(handler, _ATTRIBUTE, dict(_names_of(parameters)))
    return handler


def read_query(request: Request, shape: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """
    Return the validated parameters of a query string.

    :raises InvalidQuery: if they do not fit `shape`
    """
    sent = request.query_params
    fields = shape().fields
    parsed = shape(
        data={
            name: sent.getlist(name) if _is_list(fields[name]) else sent[name]
            for name in sent
            if name in fields
        }
    )
    if not parsed.is_valid():
        raise InvalidQuery(parsed.errors)
    return dict(parsed.validated_data)


def _names_of(parameters: Iterable[Any]) -> Iterator[tuple[str, bool]]:
    for parameter in parameters:
        if not isinstance(parameter, OpenApiParameter):
            yield from ((name, _is_list(field)) for name, field in parameter().fields.items())
        elif parameter.location == OpenApiParameter.QUERY:
            yield parameter.name, False


def _is_list(field: Any) -> bool:
    return isinstance(field, serializers.ListField)
