"""Reading a query: what an endpoint does not know is refused, and never ignored."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

# Where an endpoint's function carries its parameters: by name, whether it may be repeated.
_PARAMETERS: Final = "query_parameters"
_UNKNOWN: Final = "Unknown parameter."
_REPEATED: Final = "Send it once."

Handler = TypeVar("Handler", bound=Callable[..., Any])


class InvalidQuery(ValidationError):
    """Something in the query, not in the body: `errors` names the parameter."""


class KnownParameters(BasePermission):
    """Every caller may ask by the parameters of the endpoint's document, and by no others."""

    def has_permission(self, request: Request, view: Any) -> bool:
        sent = request.query_params
        handler = getattr(view, (request.method or "").lower(), None)
        # Of a method that the path does not take, that is what is wrong.
        if sent and handler is not None:
            known: dict[str, bool] = getattr(handler, _PARAMETERS, {})
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
    """Note at an endpoint's function which parameters its query may have."""
    setattr(handler, _PARAMETERS, dict(_names_of(parameters)))
    return handler


def read_query(request: Request, shape: type[serializers.Serializer[Any]]) -> dict[str, Any]:
    """
    Return what a query asks for.

    :raises InvalidQuery: if it does not fit `shape`
    """
    sent = request.query_params
    fields = shape().fields
    wish = shape(
        data={
            name: sent.getlist(name) if _is_list(fields[name]) else sent[name]
            for name in sent
            if name in fields
        }
    )
    if not wish.is_valid():
        raise InvalidQuery(wish.errors)
    return dict(wish.validated_data)


def _names_of(parameters: Iterable[Any]) -> Iterator[tuple[str, bool]]:
    for parameter in parameters:
        if not isinstance(parameter, OpenApiParameter):
            yield from ((name, _is_list(field)) for name, field in parameter().fields.items())
        elif parameter.location == OpenApiParameter.QUERY:
            yield parameter.name, False


def _is_list(field: Any) -> bool:
    return isinstance(field, serializers.ListField)
