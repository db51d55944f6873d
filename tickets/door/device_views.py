"""The views with which organizers manage door devices and phones pair with them."""

from functools import partial
from typing import Any
from uuid import UUID

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
    events_acted_for,
    seen_organizers,
)
from events.models import Event, Organizer, Scope
from events.roles import Right
from events.second_factor import SecondFactorRequired
from ticketing import clock
from ticketing.api.idempotency import (
    KEY,
    KEY_REFUSALS,
    AccessTokenLost,
    ResponseStore,
    answer_once,
    shown_token,
)
from ticketing.api.pagination import NumberedPages
from ticketing.api.schema import API_TOKEN, PAGE, operation, page_of
from ticketing.errors import NotFound
from ticketing.tokens import PAIRING_PREFIX, TokenKind, make_pairing_code, make_token
from tickets.door.device_access import devices_of
from tickets.door.device_serializers import (
    DeviceSent,
    DeviceShown,
    NewDeviceShown,
    PairingSent,
    PairingShown,
)
from tickets.door.devices import (
    DeviceRevoked,
    PairingNotValid,
    TooManyDevices,
    create_device,
    pair_device,
    revoke_device,
    start_pairing,
)
from tickets.models import Device, DevicePairing

_WRITER = (API_TOKEN, Scope.DEVICES_WRITE.value)
_CALLER_REFUSALS = (NotForThisCaller, SecondFactorRequired, InsufficientScope)
_ALL_KEY_REFUSALS = (*KEY_REFUSALS, AccessTokenLost)


class DeviceNotFound(NotFound):
    """No such device, or another organizer's. The caller cannot tell which."""

    code = "not_found"
    title = "There is nothing here"


class Devices(APIView):
    @operation(
        "list_devices",
        tokens=[_WRITER],
        answers={200: page_of(DeviceShown)},
        refusals=_CALLER_REFUSALS,
        parameters=[*PAGE],
    )
    def get(self, request: Request) -> Response:
        """Return your door devices, newest first."""
        found = _devices_acted_for(request).prefetch_related("events")
        pages = NumberedPages()
        shown = pages.paginate_queryset(found.order_by("-created_at", "-pk"), request, self)
        return pages.get_paginated_response(DeviceShown(shown or [], many=True).data)

    @operation(
        "create_device",
        tokens=[_WRITER],
        takes=DeviceSent,
        answers={201: NewDeviceShown},
        refusals=[*_CALLER_REFUSALS, OrganizerNotFound, TooManyDevices, *_ALL_KEY_REFUSALS],
        parameters=[KEY],
        examples={"At the north gate": {"name": "Phone 1", "gate": "North", "all_events": True}},
    )
    def post(self, request: Request) -> Response:
        """Create a door device. Its `token` is shown here and never again."""
        organizers = _organizers_acted_for(request)
        create = partial(self._create, request, organizers)
        return answer_once(request, create, shown_once=_TOKEN)

    def _create(
        self, request: Request, organizers: QuerySet[Organizer], responses: ResponseStore
    ) -> Response:
        parsed = DeviceSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        fields = dict(parsed.validated_data)
        if fields.get("is_supervisor") and request.auth is not None:
            # A supervisor's device may undo check-ins, so the token needs that scope too. A user
            # who may manage devices may also undo.
            organizers = acting_organizers(request, Scope.TICKETS_WRITE)
        organizer = choose_organizer(organizers, fields.pop("organizer", None))
        events = _events_of(request, organizer, fields.pop("events", []))
        if fields.get("all_events"):
            _refuse_limited_member(request, organizer)
        token = responses.make_token() or make_token(TokenKind.DEVICE)
        shown: dict[str, Any] = {}
        headers = {"Location": "/devices"}

        def store_response(device: Device) -> None:
            shown.update(DeviceShown(device).data, token=token.text)
            responses.store(201, shown, headers)

        create_device(
            device=Device(organizer=organizer, digest=token.digest, hint=token.hint, **fields),
            events=events,
            actor=actor_of(request),
            now=clock.now(),
            store_response=store_response,
        )
        return Response(shown, status=201, headers=headers)


class DeviceRevocation(APIView):
    @operation(
        "revoke_device",
        tokens=[_WRITER],
        answers={200: DeviceShown},
        refusals=[*_CALLER_REFUSALS, DeviceNotFound, *KEY_REFUSALS],
        parameters=[KEY],
    )
    def post(self, request: Request, device_id: UUID) -> Response:
        """Revoke a device, at once and for good. A repeat changes nothing."""
        device = _device_acted_for(request, device_id)
        return answer_once(request, partial(self._revoke, request, device))

    def _revoke(self, request: Request, device: Device, responses: ResponseStore) -> Response:
        shown: dict[str, Any] = {}

        def store_response() -> None:
            shown.update(DeviceShown(Device.objects.get(pk=device.pk)).data)
            responses.store(200, shown, {})

        revoke_device(
            device_id=device.pk,
            actor=actor_of(request),
            now=clock.now(),
            store_response=store_response,
        )
        return Response(shown)


class DevicePairingStart(APIView):
    @operation(
        "start_pairing",
        tokens=[_WRITER],
        answers={201: PairingShown},
        refusals=[*_CALLER_REFUSALS, DeviceNotFound, DeviceRevoked, *_ALL_KEY_REFUSALS],
        parameters=[KEY],
    )
    def post(self, request: Request, device_id: UUID) -> Response:
        """
        Create a code with which a phone becomes this device: once, and within 15 minutes.

        Show it as a QR code. The phone sends it to `POST /devices/pair` and gets a new token. The
        device's old token stops working then.
        """
        device = _device_acted_for(request, device_id)
        start = partial(self._start, request, device)
        return answer_once(request, start, shown_once=_PAIRING_CODE)

    def _start(self, request: Request, device: Device, responses: ResponseStore) -> Response:
        code = responses.make_token() or make_pairing_code()
        shown: dict[str, Any] = {}
        headers = {"Location": "/devices/pair"}

        def store_response(pairing: DevicePairing) -> None:
            fields = {
                "device": device.pk,
                "expires_at": pairing.expires_at,
                "pairing_code": code.text,
            }
            shown.update(PairingShown(fields).data)
            responses.store(201, shown, headers)

        start_pairing(
            device_id=device.pk,
            digest=code.digest,
            actor=actor_of(request),
            now=clock.now(),
            store_response=store_response,
        )
        return Response(shown, status=201, headers=headers)


class DevicePair(APIView):
    @operation(
        "pair_device",
        anyone=True,
        takes=PairingSent,
        answers={200: NewDeviceShown},
        refusals=[PairingNotValid, *_ALL_KEY_REFUSALS],
        parameters=[KEY],
        examples={"What the phone has scanned": {"pairing_code": "pair_3b1d6f1f2c4e…"}},
    )
    def post(self, request: Request) -> Response:
        """
        Become a door device with its pairing code. `token` is shown here and never again.

        A code works for one phone. With an `Idempotency-Key`, a phone that lost the response may
        retry.
        """
        return answer_once(request, partial(self._pair, request), shown_once=_TOKEN)

    def _pair(self, request: Request, responses: ResponseStore) -> Response:
        parsed = PairingSent(data=request.data)
        parsed.is_valid(raise_exception=True)
        token = responses.make_token() or make_token(TokenKind.DEVICE)
        shown: dict[str, Any] = {}

        def store_response(device: Device) -> None:
            shown.update(DeviceShown(device).data, token=token.text)
            responses.store(200, shown, {})

        pair_device(
            pairing_code=parsed.validated_data["pairing_code"],
            token=token,
            now=clock.now(),
            store_response=store_response,
        )
        return Response(shown)


def _organizers_acted_for(request: Request) -> QuerySet[Organizer]:
    """Return the organizers for some event of which the caller may manage devices."""
    organizers = acting_organizers(request, Scope.DEVICES_WRITE)
    if request.auth is not None:
        return organizers
    return seen_organizers(request.user, Right.RUN_DOOR)


def _devices_acted_for(request: Request) -> QuerySet[Device]:
    organizers = acting_organizers(request, Scope.DEVICES_WRITE)
    if request.auth is not None:
        return Device.objects.filter(organizer__in=organizers)
    return devices_of(Device.objects.all(), request.user)


def _device_acted_for(request: Request, device_id: UUID) -> Device:
    device = _devices_acted_for(request).filter(pk=device_id).first()
    if device is None:
        raise DeviceNotFound("No device of yours has that id.")
    return device


def _events_of(request: Request, organizer: Organizer, wanted: list[UUID]) -> list[Event]:
    acted_for = events_acted_for(request, Scope.DEVICES_WRITE)
    events = list(acted_for.filter(organizer=organizer, pk__in=wanted))
    if len(events) < len(set(wanted)):
        raise serializers.ValidationError(
            {"events": ["Send ids of events of that organizer."]}, code="unknown_event"
        )
    return events


def _refuse_limited_member(request: Request, organizer: Organizer) -> None:
    acting = acting_organizers(request, Scope.DEVICES_WRITE)
    if request.auth is None and not acting.filter(pk=organizer.pk).exists():
        raise serializers.ValidationError(
            {"all_events": ["You act for some events only. Send their ids in `events`."]},
            code="unknown_event",
        )


def _digest_of_device(body: Any) -> str:
    found = Device.objects.filter(pk=body["id"]).values_list("digest", flat=True)
    return found.order_by("pk").first() or ""


def _digest_of_pairing(body: Any) -> str:
    found = DevicePairing.objects.filter(device_id=body["device"]).values_list("digest", flat=True)
    return found.order_by("pk").first() or ""


_TOKEN = shown_token("token", TokenKind.DEVICE, _digest_of_device)
_PAIRING_CODE = shown_token("pairing_code", PAIRING_PREFIX, _digest_of_pairing)
