"""The mail with the link of an invitation."""

from urllib.parse import urlencode

from django.conf import settings
from django.utils import formats, timezone, translation
from django.utils.translation import gettext

from events.models import Invitation
from events.wording import reply_to_addresses, sender_of
from ticketing.clock import zone_named
from ticketing.letters import HtmlMail
from ticketing.mail_templates import render_mail


def compose_invitation_mail(*, invitation: Invitation, token: str) -> HtmlMail:
    """Return the mail, for the caller to send. Its text is that of the inviting user's language."""
    organizer = invitation.organizer
    with translation.override(invitation.language):
        until = timezone.localtime(invitation.expires_at, zone_named(settings.PAGES_TIME_ZONE))
        inviter = invitation.invited_by
        context = {
            "organizer": organizer,
            "inviter": str(inviter) if inviter else organizer.name,
            "role": invitation.get_role_display(),
            "until": formats.date_format(until),
            "link": f"{settings.PUBLIC_URL}/admin/invitations/{invitation.pk}/?"
            + urlencode({"token": token}),
        }
        subject = gettext("%(organizer)s invites you to its team") % {"organizer": organizer.name}
        return render_mail(
            "events/mail/invitation",
            context,
            subject=subject,
            from_email=sender_of(organizer),
            to=[invitation.email],
            reply_to=reply_to_addresses(organizer),
        )
