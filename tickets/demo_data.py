"""Demo data to try the system with: an organizer, its events, an admin and a scanner."""

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
from ticketing.tokens import TokenKind, describe_token, make_token
from tickets.demo_season import make_season
from tickets.models import Device
from tickets.notices.choices import Chosen, choose_notices

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


def load_demo_data(*, secrets: DemoSecrets, now: datetime, with_season: bool = True) -> None:
    """Create the demo rows that are missing. Existing rows stay, except the admin's password."""
    organizer = _ensure_organizer(secrets, now)
    if with_season:
        make_season(organizer=organizer, now=now)


@transaction.atomic
def _ensure_organizer(secrets: DemoSecrets, now: datetime) -> Organizer:
    """Create the organizer with the two events, still unsold, that the quick starts sell."""
    organizer, _ = Organizer.objects.get_or_create(
        name=ORGANIZER_NAME, defaults={"email": "contato@casaazul.example"}
    )
    _ensure_admin(organizer, secrets.admin_password, now)
    token = describe_token(secrets.api_token)
    ApiToken.objects.get_or_create(
        digest=token.digest,
        defaults={"organizer": organizer, "name": "Demo", "hint": token.hint},
    )
    if not organizer.events.exists():
        for fields in _EVENTS:
            _create(organizer, fields, now)
        _make_loose_ends(organizer, now)
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
    return organizer


def _make_loose_ends(organizer: Organizer, now: datetime) -> None:
    """Make what the home page calls attention to: nobody knows these tokens."""
    unused = make_token(TokenKind.API)
    ApiToken.objects.create(
        organizer=organizer,
        name="Site antigo",
        digest=unused.digest,
        hint=unused.hint,
        expires_at=now + timedelta(days=9),
    )
    for name, gate, all_events in [
        ("Scanner 2", "Portão Sul", True),
        ("Celular reserva", "", False),
    ]:
        token = make_token(TokenKind.DEVICE)
        Device.objects.create(
            organizer=organizer,
            name=name,
            gate=gate,
            all_events=all_events,
            digest=token.digest,
            hint=token.hint,
        )


def _ensure_admin(organizer: Organizer, password: str, now: datetime) -> None:
    admin, _ = User.objects.get_or_create(
        username=ADMIN_USERNAME,
        defaults={"is_staff": True, "is_superuser": True, "email": "admin@casaazul.example"},
    )
    if not admin.check_password(password):
        admin.set_password(password)
        admin.save(update_fields=["password"])
    membership, new = Membership.objects.get_or_create(organizer=organizer, user=admin)
    if new:
        # The mailbox of the local stack shows all kinds of mail.
        everything = Chosen(each_sale=True, daily_summary=True, sold_out=True, language="pt-br")
        actor = system_actor("demo data")
        choose_notices(membership=membership, chosen=everything, actor=actor, now=now)


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
