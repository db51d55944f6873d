"""Makes rows with plausible defaults, so that a test names only the values that it is about."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from rest_framework.test import APIClient

from events.models import (
    ApiToken,
    Event,
    EventStatus,
    Membership,
    Organizer,
    Question,
    Role,
    TicketType,
)
from events.organizing import create_event
from events.questions import AskedQuestion, change_questions
from events.ticket_types import add_ticket_type
from orders.answer_rules import GivenAnswer, Place
from orders.answers import answer_questions
from orders.box_office import Sale
from orders.box_office_record import BoxOfficeMethod
from orders.insertion import Customer, Reservation
from orders.models import Order
from orders.payment import confirm_payment
from orders.pricing import WantedTickets
from orders.promo_code import PromoCode
from orders.promo_code_changes import create_promo_code
from orders.reservation import reserve_tickets
from ticketing import clock
from ticketing.actors import Actor
from ticketing.ids import new_id
from ticketing.models import ActorKind, User
from ticketing.tokens import TokenKind, make_token
from tickets.issue import issue_codes
from tickets.models import Device, Ticket, Transfer
from tickets.settlement import settle_order
from tickets.transfers.accepting import accept_transfer
from tickets.transfers.offering import NewHolder, offer_ticket

_numbers = count(1)
# The customer of every request that is about something else.
CUSTOMER = {"name": "Ana Souza", "email": "ana@example.com"}
# An actor for tests in which it does not matter who acts.
SOMEBODY = Actor(ActorKind.USER, "1", "somebody")


def make_organizer(*, name: str = "Casa Azul") -> Organizer:
    return Organizer.objects.create(name=name, email="contato@example.com")


def make_user(
    *, organizer: Organizer | None = None, role: Role = Role.OWNER, **fields: Any
) -> User:
    """Make a user who can sign in, with a membership in `organizer` if one is given."""
    user = User.objects.create_user(username=f"user-{next(_numbers)}", **fields)
    if organizer is not None:
        Membership.objects.create(organizer=organizer, user=user, role=role)
    return user


def make_api_token(*, organizer: Organizer, **fields: Any) -> str:
    """Return the text of a new API token. It has all scopes unless `fields` say otherwise."""
    token = make_token(TokenKind.API)
    ApiToken.objects.create(
        organizer=organizer, name="integration", digest=token.digest, hint=token.hint, **fields
    )
    return token.text


def make_device(*event: Event, gate: str = "North") -> str:
    """Return the token of a new scanner for these events, at the given gate."""
    token = make_token(TokenKind.DEVICE)
    device = Device.objects.create(
        organizer=event[0].organizer,
        name=f"Scanner {gate}",
        gate=gate,
        digest=token.digest,
        hint=token.hint,
    )
    device.events.set(event)
    return token.text


def make_event(
    *,
    organizer: Organizer | None = None,
    status: str = EventStatus.PUBLISHED,
    capacity: int = 100,
    price: str = "45.00",
    **fields: Any,
) -> Event:
    """Make an event that starts in 30 days, with one ticket type."""
    number = next(_numbers)
    starts_at = clock.now().replace(microsecond=0) + timedelta(days=30)
    defaults = {
        "name": f"Noite de Jazz {number}",
        "venue": "Circo Voador",
        "city": "Rio de Janeiro",
        "starts_at": starts_at,
        "ends_at": starts_at + timedelta(hours=4),
    }
    return create_event(
        actor=SOMEBODY,
        event=Event(
            organizer=organizer or make_organizer(),
            status=status,
            **(defaults | fields),
        ),
        ticket_types=[TicketType(name="Pista", price=Decimal(price), capacity=capacity)],
        now=clock.now(),
    )


def make_ticket_type(
    *,
    event: Event | None = None,
    capacity: int = 100,
    price: str = "45.00",
    name: str = "Pista",
) -> TicketType:
    """Make a ticket type that is on sale, at `event` or a new one."""
    if event is None:
        return make_event(capacity=capacity, price=price).ticket_types.get()
    kind = TicketType(event=event, name=name, price=Decimal(price), capacity=capacity)
    add_ticket_type(kind=kind)
    return kind


def make_reservation(
    *,
    ticket_type: TicketType | None = None,
    quantity: int = 1,
    name: str = "Ana Souza",
    promo_code: str = "",
) -> Reservation:
    """Reserve tickets with the verb that the view calls."""
    ticket_type = ticket_type or make_ticket_type()
    return reserve_tickets(
        event_id=ticket_type.event_id,
        wanted=[WantedTickets(ticket_type.pk, quantity)],
        customer=Customer(name, "ana@example.com", "pt-br"),
        now=clock.now(),
        promo_code=promo_code,
    )


def make_promo_code(*, event: Event, code: str = "AMIGOS", **fields: Any) -> PromoCode:
    """Make a promo code with the verb that the view calls. It takes 10 percent off by default."""
    if not fields.keys() & {"percent", "amount"}:
        fields["percent"] = Decimal(10)
    promo = PromoCode(event=event, code=code, **fields)
    return create_promo_code(promo=promo, actor=SOMEBODY, now=clock.now())


def make_transfer(
    *, ticket: Ticket, email: str, accepted: bool = True, name: str = "Bia Lima"
) -> Transfer:
    """Offer a ticket to a person, who accepts it, with the verbs that the shop calls."""
    transfer = offer_ticket(
        order_id=ticket.order_id,
        ticket_id=ticket.pk,
        to=NewHolder(name, email, "en"),
        actor=SOMEBODY,
        now=clock.now(),
    )
    if accepted:
        accept_transfer(transfer_id=transfer.pk, holder_name=name, now=clock.now())
    return transfer


def make_question(
    *, event: Event, label: str = "T-shirt?", only_for: Sequence[TicketType] = (), **fields: Any
) -> Question:
    """Ask the buyers of an event with the verb that the admin calls."""
    question = Question(label=label, position=event.questions.count(), **fields)
    change_questions(
        event_id=event.pk,
        asked=[AskedQuestion(question, [kind.pk for kind in only_for])],
        retired=[],
        actor=SOMEBODY,
        now=clock.now(),
    )
    return question


def answer(order: Order, question: Question, value: Any) -> None:
    """Answer one question about a whole order, and no other one."""
    given = [GivenAnswer(question.pk, Place(), value)]
    answer_questions(order=order, given=given, actor=SOMEBODY, now=clock.now())


def reservation_request(event: Event | str, quantity: int = 1, **members: Any) -> dict[str, Any]:
    """Return the body of `POST /orders` for an event, or for what is sent as its name."""
    reference = event if isinstance(event, str) else event.slug
    return {"event": reference, "quantity": quantity, "customer": CUSTOMER, **members}


def make_reserved_order(*, ticket_type: TicketType | None = None, quantity: int = 1) -> Order:
    reservation = make_reservation(ticket_type=ticket_type, quantity=quantity)
    return Order.objects.get(pk=reservation.order_id)


def make_processing_order(
    *, ticket_type: TicketType | None = None, quantity: int = 1, token: str = "tok_approved"
) -> Order:
    """Reserve tickets and confirm the payment. The worker has not charged it yet."""
    order = make_reserved_order(ticket_type=ticket_type, quantity=quantity)
    free = order.total == 0
    confirm_payment(
        order=order,
        method="free" if free else "card",
        token="" if free else token,
        now=clock.now(),
    )
    order.refresh_from_db()
    return order


def make_paid_order(*, ticket_type: TicketType | None = None, quantity: int = 1) -> Order:
    """Reserve and pay, then settle the order and issue its codes as the worker does."""
    order = make_processing_order(ticket_type=ticket_type, quantity=quantity)
    settle_order(order_id=order.pk, now=clock.now())
    issue_codes(order_id=order.pk, now=clock.now())
    order.refresh_from_db()
    return order


def a_sale(kind: TicketType, quantity: int = 2, **fields: Any) -> Sale:
    """Return what staff give at the box office: complimentary tickets for the press."""
    sale = Sale(
        key=new_id(),
        event_id=kind.event_id,
        wanted=[WantedTickets(kind.pk, quantity)],
        customer=Customer("Bia Lima", "bia@example.com", "pt-br"),
        method=BoxOfficeMethod.COMPLIMENTARY,
        reason="Press",
    )
    return replace(sale, **fields)


def make_ticket(*, ticket_type: TicketType | None = None) -> Ticket:
    return Ticket.objects.of_order(make_paid_order(ticket_type=ticket_type).pk).get()


def as_bearer(token: str) -> APIClient:
    """Return a client that authenticates with this token."""
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def as_organizer(event: Event) -> APIClient:
    """Return a client with an API token of the event's organizer."""
    return as_bearer(make_api_token(organizer=event.organizer))


def as_user(user: User) -> APIClient:
    """Return a client with this user's session."""
    client = APIClient(raise_request_exception=False)
    client.force_login(user)
    return client
