"""The floors: the minimal views with which the loads are compared. See `floor_settings`."""

import os
from functools import cache
from itertools import count
from typing import Any
from uuid import uuid4

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import engines
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from redis import Redis
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

_TAKE = """
local left = redis.call('HINCRBY', KEYS[1], 'left', -1)
redis.call('HSET', KEYS[2], ARGV[1], 1)
redis.call('ZADD', KEYS[3], 1, ARGV[1])
return left
"""
_INSERT = """
WITH o AS (INSERT INTO floor_order (id, body) VALUES (%s, %s) RETURNING id)
INSERT INTO floor_item (order_id, quantity) SELECT id, 1 FROM o
"""
_CONSTANT = {"status": "ok", "available": 163, "ticket_types": [{"name": "Pista"}]}
_tickets = count(1)


@csrf_exempt
def reserve(request: HttpRequest) -> HttpResponse:
    """Call one Lua script and insert two rows: the least that a reservation needs."""
    order = uuid4()
    _redis().evalsha(_sha(), 3, "floor:left", "floor:holds", "floor:due", str(order))
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [order, request.body.decode()])
    return JsonResponse({"id": str(order)}, status=201)


@csrf_exempt
def admit(request: HttpRequest) -> HttpResponse:
    """Run one conditional UPDATE of a row of its own: the least that a check-in needs."""
    place = next(_tickets) * 2 + os.getpid() % 2
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE floor_ticket SET status = 'used', used_at = now()"
            " WHERE id = %s AND status = 'valid'",
            [place],
        )
        found = cursor.rowcount
    return JsonResponse({"admitted": found})


class Constant(APIView):
    """Return a constant response."""

    authentication_classes = []

    def get(self, request: Request) -> Response:
        return Response(_CONSTANT)

    def post(self, request: Request) -> Response:
        return Response(_CONSTANT, status=409)


def show_page(request: HttpRequest) -> HttpResponse:
    """Render a template without variables, as long as the page of an event."""
    return HttpResponse(_page().render({}, request))


@cache
def _page() -> Any:
    return engines["django"].from_string("<p>Um quinteto, uma casa pequena.</p>\n" * 200)


class _Shared:
    redis: Any = None
    sha = ""


def _redis() -> Any:
    if _Shared.redis is None:
        _Shared.redis = Redis.from_url(os.environ["REDIS_URL"])
        _Shared.sha = _Shared.redis.script_load(_TAKE)
    return _Shared.redis


def _sha() -> str:
    return _Shared.sha


urlpatterns = [
    path("reserve", reserve),
    path("admit", admit),
    path("constant", Constant.as_view()),
    path("page", show_page),
]
