"""Demo data to try the system with: an organizer, two events, an admin and a scanner."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django.db import transaction

from events.models import ApiToken, Event, EventStatus, Membership, Organizer, TicketType
from events.organizing import create_event
from ticketing.actors import system_actor
from ticketing.models import User
from ticketing.tokens import describe_token
from tickets.models import Device

ADMIN_USERNAME: Final = "admin"
ORGANIZER_NAME: Final = "Casa Azul Produções"
GATE: Final = "Portão Norte"

_EVENTS: Final[list[Mapping[str, Any]]] = [
    {
        "slug": "noite-de-jazz",
        "name": "Noite de Jazz",
        "description": "Um quinteto, uma casa pequena e nenhuma pressa.",
        "venue": "Circo Voador",
        "address": "Rua dos Arcos, s/n, Lapa",
        "city": "Rio de Janeiro",
        "days": 45,
        "types": [("Pista", "120.00", 200)],
    },
    {
        "slug": "festival-de-inverno",
        "name": "Festival de Inverno",
        "description": "Dois palcos, oito bandas, vinho quente.",
        "venue": "Parque da Água Branca",
        "address": "Av. Francisco Matarazzo, 455",
        "city": "São Paulo",
        "days": 90,
        "types": [
            ("Pista", "180.00", 3000),
            ("Camarote", "450.00", 120),
            ("Criança", "0.00", 300),
        ],
    },
]


@dataclass(frozen=True, slots=True)
class DemoSecrets:
    """The secrets that the local stack has generated and shows to the developer."""

    admin_password: str
    api_token: str
    device_token: str


@transaction.atomic
def load_demo_data(*, secrets: DemoSecrets, now: datetime) -> None:
    """Create the demo rows that are missing. Existing rows stay, except the admin's password."""
    organizer, _ = Organizer.objects.get_or_create(
        name=ORGANIZER_NAME, defaults={"email": "contato@casaazul.example"}
    )
    _ensure_admin(organizer, secrets.admin_password)
    token = describe_token(secrets.api_token)
    ApiToken.objects.get_or_create(
        digest=token.digest,
        defaults={"organizer": organizer, "name": "Demo", "hint": token.hint},
    )
    if not organizer.events.exists():
        for fields in _EVENTS:
            _create(organizer, fields, now)
    device_token = describe_token(secrets.device_token)
    Device.objects.get_or_create(
        digest=device_token.digest,
        defaults={
            "organizer": organizer,
            "name": "Scanner",
            "gate": GATE,
            "hint": device_token.hint,
            "all_events": True,
        },
    )


def _ensure_admin(organizer: Organizer, password: str) -> None:
    admin, _ = User.objects.get_or_create(
        username=ADMIN_USERNAME,
        defaults={"is_staff": True, "is_superuser": True, "email": "admin@casaazul.example"},
    )
    if not admin.check_password(password):
        admin.set_password(password)
        admin.save(update_fields=["password"])
    Membership.objects.get_or_create(organizer=organizer, user=admin)


def _create(organizer: Organizer, fields: Mapping[str, Any], now: datetime) -> None:
    # Midnight in UTC is 21:00 in São Paulo.
    starts_at = now.replace(hour=0, minute=0, second=0, microsecond=0)
    starts_at += timedelta(days=fields["days"])
    own = {name: value for name, value in fields.items() if name not in ("days", "types")}
    create_event(
        event=Event(
            organizer=organizer,
            status=EventStatus.PUBLISHED,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(hours=5),
            **own,
        ),
        ticket_types=[
            TicketType(name=name, price=Decimal(price), capacity=capacity)
            for name, price, capacity in fields["types"]
        ],
        actor=system_actor("demo data"),
        now=now,
    )
