"""Roles of an organizer's members, and what each role may do."""

from collections.abc import Mapping
from enum import StrEnum, auto
from typing import Final

from events.models import Role, Scope


class Right(StrEnum):
    """
    Something that a member may do for an organizer, in the admin and with a session in the API.

    SEE_EVENTS includes tickets, attendance and sales figures. SEE_ORDERS includes buyers' email
    addresses and payments. RUN_DOOR includes door devices, check-in by hand and its undoing.
    CHANGE_ORGANIZER includes members, API tokens and webhooks.
    """

    SEE_EVENTS = auto()
    CHANGE_EVENTS = auto()
    SEE_ORDERS = auto()
    CHANGE_ORDERS = auto()
    REFUND = auto()
    EXPORT = auto()
    RUN_DOOR = auto()
    CHANGE_ORGANIZER = auto()


RIGHTS: Final[Mapping[Role, frozenset[Right]]] = {
    Role.OWNER: frozenset(Right),
    Role.MANAGER: frozenset(Right) - {Right.CHANGE_ORGANIZER},
    Role.FINANCE: frozenset({Right.SEE_EVENTS, Right.SEE_ORDERS, Right.REFUND, Right.EXPORT}),
    Role.DOOR: frozenset({Right.SEE_EVENTS, Right.RUN_DOOR}),
    Role.VIEWER: frozenset({Right.SEE_EVENTS, Right.SEE_ORDERS}),
}

# The right that a session needs where an API token needs a scope.
RIGHT_OF_SCOPE: Final[Mapping[Scope, Right]] = {
    Scope.EVENTS_WRITE: Right.CHANGE_EVENTS,
    Scope.ORDERS_READ: Right.SEE_ORDERS,
    Scope.ORDERS_WRITE: Right.CHANGE_ORDERS,
    Scope.ORDERS_REFUND: Right.REFUND,
    Scope.TICKETS_WRITE: Right.CHANGE_ORDERS,
    Scope.TICKETS_VALIDATE: Right.RUN_DOOR,
    Scope.REPORTS_READ: Right.SEE_EVENTS,
    Scope.WEBHOOKS_WRITE: Right.CHANGE_ORGANIZER,
    Scope.DEVICES_WRITE: Right.RUN_DOOR,
}


def roles_with(right: Right) -> list[Role]:
    """Return the roles that have `right`."""
    return [role for role, rights in RIGHTS.items() if right in rights]
