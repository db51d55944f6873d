"""The models of organizers, their API tokens, events and ticket types."""

from events.models.changes import ChangeForBuyers
from events.models.events import (
    DEFAULT_HOLD_SECONDS,
    EVENT_WORDS,
    LARGEST_CAPACITY,
    LARGEST_PER_ORDER,
    LONGEST_HOLD_SECONDS,
    Event,
    EventStatus,
    EventWords,
    HolderNames,
    NextNumber,
    Reentry,
    known_timezone,
)
from events.models.gates import LONGEST_GATE, MOST_GATES, Gate
from events.models.generation import InventoryGeneration
from events.models.invitations import Invitation
from events.models.organizers import (
    MOST_EMBEDDING_ORIGINS,
    ApiToken,
    Membership,
    Organizer,
    Role,
    Scope,
    all_scopes,
)
from events.models.questions import (
    LONGEST_CHOICE,
    MOST_CHOICES,
    MOST_QUESTIONS,
    Question,
    QuestionKind,
    QuestionScope,
)
from events.models.refund_policy import RefundMode, RefundPolicy
from events.models.terms import LONGEST_TERMS, TermsVersion
from events.models.ticket_types import MOST_TICKET_TYPES, TicketType

__all__ = [
    "DEFAULT_HOLD_SECONDS",
    "EVENT_WORDS",
    "LARGEST_CAPACITY",
    "LARGEST_PER_ORDER",
    "LONGEST_CHOICE",
    "LONGEST_GATE",
    "LONGEST_HOLD_SECONDS",
    "LONGEST_TERMS",
    "MOST_CHOICES",
    "MOST_EMBEDDING_ORIGINS",
    "MOST_GATES",
    "MOST_QUESTIONS",
    "MOST_TICKET_TYPES",
    "ApiToken",
    "ChangeForBuyers",
    "Event",
    "EventStatus",
    "EventWords",
    "Gate",
    "HolderNames",
    "InventoryGeneration",
    "Invitation",
    "Membership",
    "NextNumber",
    "Organizer",
    "Question",
    "QuestionKind",
    "QuestionScope",
    "Reentry",
    "RefundMode",
    "RefundPolicy",
    "Role",
    "Scope",
    "TermsVersion",
    "TicketType",
    "all_scopes",
    "known_timezone",
]
