"""Health, for load balancers and people in a hurry."""

from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class Liveness(APIView):
    """The process answers."""

    authentication_classes = []

    @extend_schema(
        operation_id="get_liveness",
        tags=["health"],
        responses=inline_serializer("Liveness", {"status": serializers.CharField()}),
    )
    def get(self, request: Request) -> Response:
        return Response({"status": "ok"})
