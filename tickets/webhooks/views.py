"""The API of webhook endpoints: creating and listing them."""

from functools import partial
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import (
    InsufficientScope,
    NotForThisCaller,
    OrganizerNotFound,
    acting_organizers,
    actor_of,
    choose_organizer,
)
from events.models import Organizer, Scope
from events.second_factor import SecondFactorRequired
from ticketing import clock
from ticketing.api.fields import StrictSerializer, WebAddressField
from ticketing.api.idempotency import (
    KEY,
    KEY_REFUSALS,
    AccessTokenLost,
    ResponseStore,
    ShownOnce,
    answer_once,
)
from ticketing.api.schema import API_TOKEN, operation
from tickets.webhooks.creation import create_webhook
from tickets.webhooks.models import Topic, WebhookEndpoint
from tickets.webhooks.outbound import AddressRefused, check_address
from tickets.webhooks.sending import TooManyWebhooks
from tickets.webhooks.signing import secrets_of

_WRITER = (API_TOKEN, Scope.WEBHOOKS_WRITE.value)


class WebhookSent(StrictSerializer):
    """The URL and the types of messages. Without `types`, all types, also those added later."""

    url = WebAddressField(max_length=500, help_text="A public https address.")
    types = serializers.ListField(
        child=serializers.ChoiceField(choices=Topic.choices), required=False, max_length=50
    )
    organizer = serializers.UUIDField(
        required=False, help_text="For users who act for several organizers."
    )

    def validate_url(self, url: str) -> str:
        try:
            check_address(url)
        except AddressRefused as refused:
            raise serializers.ValidationError(str(refused), code="address_refused") from refused
        return url

    def validate_types(self, types: list[str]) -> list[str]:
        return sorted(set(types))


class WebhookShown(serializers.ModelSerializer[WebhookEndpoint]):
    """A webhook endpoint. `disabled_at` is set if it was switched off or its receiver sent 410."""

    class Meta:
        model = WebhookEndpoint
        fields = ["id", "url", "types", "created_at", "disabled_at"]


class NewWebhookShown(WebhookShown):
    """The new endpoint. Only this response contains `secret`, which signs the requests to it."""

    secret = serializers.CharField()

    class Meta(WebhookShown.Meta):
        fields = [*WebhookShown.Meta.fields, "secret"]


class WebhooksShown(serializers.Serializer[Any]):
    """All webhook endpoints, in one page, because each organizer has few."""

    results = WebhookShown(many=True)


class Webhooks(APIView):
    @operation(
        "list_webhooks",
        tokens=[_WRITER],
        answers={200: WebhooksShown},
        refusals=[NotForThisCaller, SecondFactorRequired, InsufficientScope],
    )
    def get(self, request: Request) -> Response:
        """Return your webhook endpoints."""
        organizers = acting_organizers(request, Scope.WEBHOOKS_WRITE)
        found = WebhookEndpoint.objects.filter(organizer__in=organizers).order_by(
            "created_at", "pk"
        )
        return Response({"results": WebhookShown(found, many=True).data})

    @operation(
        "create_webhook",
        tokens=[_WRITER],
        takes=WebhookSent,
        answers={201: NewWebhookShown},
        refusals=[
            NotForThisCaller,
            SecondFactorRequired,
            InsufficientScope,
            OrganizerNotFound,
            TooManyWebhooks,
            *KEY_REFUSALS,
            AccessTokenLost,
        ],
        parameters=[KEY],
        examples={
            "Paid orders": {"url": "https://shop.example.com/hooks", "types": ["order.paid"]}
        },
    )
    def post(self, request: Request) -> Response:
        """Create a webhook endpoint. Only this response contains its `secret`."""
        organizers = acting_organizers(request, Scope.WEBHOOKS_WRITE)
        create = partial(self._create, request, organizers)
        return answer_once(request, create, shown_once=_SECRET)

    def _create(
        self, request: Request, organizers: QuerySet[Organizer], responses: ResponseStore
    ) -> Response:
        parsed = WebhookSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        fields = dict(parsed.validated_data)
        organizer = choose_organizer(organizers, fields.pop("organizer", None))
        shown: dict[str, Any] = {}
        headers = {"Location": "/webhooks"}

        def store_response(endpoint: WebhookEndpoint) -> None:
            secret = secrets_of(endpoint, now=clock.now())[0]
            shown.update(WebhookShown(endpoint).data, secret=secret)
            responses.store(201, shown, headers)

        create_webhook(
            endpoint=WebhookEndpoint(organizer=organizer, **fields),
            actor=actor_of(request),
            now=clock.now(),
            store_response=store_response,
        )
        return Response(shown, status=201, headers=headers)


def _derive_again(body: Any, _tokens: object) -> str | None:
    # A stored response does not contain the secret. It is derived again, unless it was renewed.
    endpoint = WebhookEndpoint.objects.filter(pk=body["id"], secret_version=1).first()
    return next(iter(secrets_of(endpoint, now=clock.now())), None) if endpoint else None


_SECRET = ShownOnce("secret", "", _derive_again)
