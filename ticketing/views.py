"""Health, for load balancers and people in a hurry."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from ticketing.api.schema import operation
from ticketing.health import OK


class LivenessShown(serializers.Serializer[Any]):
    """The process answers."""

    status = serializers.ChoiceField(choices=[OK])


class Liveness(APIView):
    authentication_classes = []

    @operation("get_liveness", answers={200: LivenessShown}, probe=True)
    def get(self, request: Request) -> Response:
        """Say that the process answers. It asks nothing else."""
        return Response({"status": OK})
