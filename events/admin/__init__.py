"""The admin of events, and the base classes of every app's admin."""

from events.admin.events import EventAdmin
from events.admin.invitations import InvitationAdmin
from events.admin.members import MembershipAdmin
from events.admin.organizers import OrganizerAdmin
from events.admin.refund_policies import RefundPolicyAdmin
from events.admin.terms import TermsAdmin
from events.admin.tokens import ApiTokenAdmin

__all__ = [
    "ApiTokenAdmin",
    "EventAdmin",
    "InvitationAdmin",
    "MembershipAdmin",
    "OrganizerAdmin",
    "RefundPolicyAdmin",
    "TermsAdmin",
]
