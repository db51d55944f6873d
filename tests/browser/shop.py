"""What happens outside the back office while a test looks at it: sales, and the mails they send."""

from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any, LiteralString
from uuid import uuid4

import psycopg
import requests

from tests.system.release import wait_until
from ticketing import clock
from ticketing.stack.running import RunningStack

_TIMEOUT_SECONDS = 60
THREE_TYPES = [
    {"name": "Pista", "price": "80.00", "capacity": 100},
    {"name": "Meia-entrada", "price": "40.00", "capacity": 60},
    {"name": "Camarote", "price": "250.00", "capacity": 20},
]

_ASK: tuple[LiteralString, ...] = (
    "UPDATE events_event SET holder_names = 'required' WHERE id = %(event)s",
    """
    INSERT INTO events_question (id, event_id, help_text, is_required, is_shown_at_door, position,
      label, kind, scope, choices)
    SELECT gen_random_uuid(), %(event)s, 'Para a produção.', true, false, position, label, kind,
      scope, choices
    FROM (VALUES (0, 'Tamanho da camiseta', 'choice', 'ticket', '{P,M}'::varchar[]),
      (1, 'Alguma alergia?', 'text', 'order', '{}'),
      (2, 'Vem de ônibus?', 'yes_no', 'order', '{}')) q (position, label, kind, scope, choices)
    """,
    """
    INSERT INTO events_refundpolicy (id, organizer_id, event_id, mode, days_before_start)
    SELECT gen_random_uuid(), organizer_id, id, 'approval', 1 FROM events_event
    WHERE id = %(event)s
    """,
    """
    INSERT INTO events_termsversion (id, organizer_id, number, sale_pt, sale_en, privacy_pt,
      privacy_en, valid_from)
    SELECT gen_random_uuid(), organizer_id, 1, 'Vendemos ingressos.', 'We sell tickets.', '', '',
      now()
    FROM events_event WHERE id = %(event)s ON CONFLICT DO NOTHING
    """,
    """
    UPDATE events_organizer SET slug = 'casa-azul', terms_number = 1
    WHERE id = (SELECT organizer_id FROM events_event WHERE id = %(event)s)
    """,
)
_COUNT_ORDERS: LiteralString = """
SELECT count(DISTINCT o.id), count(c.charged_at)
FROM orders_order o LEFT JOIN orders_payment p ON p.order_id = o.id
  LEFT JOIN orders_simulatedcharge c ON c.payment_id = p.id
WHERE o.event_id = %s
"""


@dataclass(frozen=True, slots=True)
class Sale:
    """A paid order, whose tickets exist."""

    order_id: str
    code: str
    email: str
    ticket_codes: list[str]


@dataclass(frozen=True, slots=True)
class Shop:
    """An organizer's site, which sells by the API of a stack."""

    stack: RunningStack

    def publish_event(self, **fields: Any) -> dict[str, Any]:
        """Return an event of the demo's organizer that is on sale, with three types by default."""
        starts_at = clock.now() + timedelta(days=30)
        return self._send(
            "POST",
            "/events",
            token=str(self.stack.addresses["api_token"]),
            json={
                "name": f"Sarau {uuid4().hex[:8]}",
                "status": "published",
                "venue": "Teatro Rival",
                "city": "Rio de Janeiro",
                "starts_at": starts_at.isoformat(),
                "ends_at": (starts_at + timedelta(hours=3)).isoformat(),
                "ticket_types": THREE_TYPES,
                **fields,
            },
        )

    def change_record(self, *statements: LiteralString, **values: Any) -> None:
        """Change what no API changes. The values are those of `%(name)s` in the statements."""
        with psycopg.connect(str(self.stack.addresses["database_url"]), autocommit=True) as record:
            for statement in statements:
                record.execute(statement, values)

    def ask_everything(self, event_id: str) -> None:
        """Require names and answers of an event's buyers, give refunds, and publish terms."""
        self.change_record(*_ASK, event=event_id)

    def count_orders(self, event_id: str) -> tuple[int, int]:
        """Return the number of orders of an event, and of cards charged for them."""
        with psycopg.connect(str(self.stack.addresses["database_url"])) as record:
            found = record.execute(_COUNT_ORDERS, [event_id]).fetchone()
        assert found is not None
        return found[0], found[1]

    def sell(self, event: str, *, ticket_type: str = "Pista", quantity: int = 1) -> Sale:
        """Reserve and pay as a buyer does, and wait for the tickets. `event` is an id or a slug."""
        order = self.hold(event, ticket_type=ticket_type, quantity=quantity)
        path, buyer = f"/orders/{order['id']}", order["access_token"]
        payment = {"method": "pix", "token": "tok_approved"}
        self._send("POST", f"{path}/payment", token=buyer, json=payment)
        wait_until(
            lambda: bool(self._send("GET", path, token=buyer)["tickets_ready"]),
            f"{path} has its tickets",
        )
        tickets = self._send("GET", f"{path}/ticket", token=buyer)["tickets"]
        email = order["customer"]["email"]
        return Sale(order["id"], order["code"], email, [ticket["code"] for ticket in tickets])

    def hold(self, event: str, *, ticket_type: str = "Pista", quantity: int = 1) -> dict[str, Any]:
        """Reserve as a buyer does, and return the order. `event` is an id or a slug."""
        kinds = self._send("GET", f"/events/{event}")["ticket_types"]
        chosen = next(kind["id"] for kind in kinds if kind["name"] == ticket_type)
        email = f"ana-{uuid4().hex[:12]}@example.com"
        return self._send(
            "POST",
            "/orders",
            json={
                "event": event,
                "items": [{"ticket_type": chosen, "quantity": quantity}],
                "customer": {"name": "Ana Souza", "email": email},
            },
        )

    def scan(self, code: str) -> str:
        """Scan a code at a gate as the organizer's program. Return "admitted", or why not."""
        response = requests.post(
            f"{self.stack.url}/tickets/validate",
            headers={"Authorization": f"Bearer {self.stack.addresses['api_token']}"},
            json={"code": code, "scan_id": str(uuid4())},
            timeout=_TIMEOUT_SECONDS,
        )
        return "admitted" if response.ok else str(response.json()["code"])

    def subjects_to(self, email: str) -> list[str]:
        """Return the subjects of the mails to an address, newest first."""
        return [mail["subject"] for mail in self._mails_to(email)]

    def wait_for_mail(self, email: str, about: str) -> str:
        """Wait for a mail whose subject has these words, and return its text."""
        wait_until(
            lambda: any(about in subject for subject in self.subjects_to(email)),
            f"{email} has a mail about {about!r}, beside {self.subjects_to(email)}",
        )
        mail = next(mail for mail in self._mails_to(email) if about in mail["subject"])
        raw = requests.get(f"{self.stack.url}{mail['raw_url']}", timeout=_TIMEOUT_SECONDS).content
        text = message_from_bytes(raw, policy=default).get_body(preferencelist=("plain",))
        assert text is not None
        return str(text.get_content())

    def _mails_to(self, email: str) -> list[dict[str, Any]]:
        found = requests.get(
            f"{self.stack.addresses['mailbox_url']}/messages",
            params={"to": email},
            timeout=_TIMEOUT_SECONDS,
        )
        messages: list[dict[str, Any]] = found.json()["messages"]
        return messages

    def _send(self, method: str, path: str, *, token: str = "", **body: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        response = requests.request(
            method, f"{self.stack.url}{path}", headers=headers, timeout=_TIMEOUT_SECONDS, **body
        )
        assert response.ok, f"{method} {path}: {response.status_code} {response.text[:500]}"
        document: dict[str, Any] = response.json()
        return document
