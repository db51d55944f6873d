"""The page on which members choose the mails that they get."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanSwitchWidget

from events.access import has_right_somewhere
from events.models import Membership
from events.roles import Right
from ticketing import clock
from ticketing.actors import user_actor
from tickets.notices.choices import Chosen, choose_notices
from tickets.notices.member_models import MemberNotice, NoticeChoice


class ChoiceForm(forms.Form):
    """What a member wants to be told about one organizer."""

    each_sale = forms.BooleanField(
        label=gettext_lazy("Each sale"),
        help_text=gettext_lazy("Within minutes. At most one mail every 10 minutes, with a count."),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
    )
    daily_summary = forms.BooleanField(
        label=gettext_lazy("Daily summary"),
        help_text=gettext_lazy("At 8 in the morning, if something was sold or refunded."),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
    )
    sold_out = forms.BooleanField(
        label=gettext_lazy("Sold out"),
        help_text=gettext_lazy("Once for each ticket type, when its last ticket is sold."),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language of the mails"),
        choices=settings.LANGUAGES,
        widget=UnfoldAdminSelectWidget,
    )


def my_notices(request: HttpRequest) -> HttpResponse:
    """Show what the user has chosen for each of the user's organizers, and store what is sent."""
    memberships = list(
        Membership.objects.filter(user=request.user.pk)
        .select_related("organizer")
        .order_by("organizer__name", "pk")
    )
    if not memberships and not has_right_somewhere(request.user, Right.SEE_EVENTS):
        raise PermissionDenied
    choices = NoticeChoice.objects.in_bulk([membership.pk for membership in memberships])
    sections = [_make_section(request, one, choices.get(one.pk)) for one in memberships]
    if request.method == "POST" and all(section["form"].is_valid() for section in sections):
        for section in sections:
            choose_notices(
                membership=section["membership"],
                chosen=Chosen(**section["form"].cleaned_data),
                actor=user_actor(request.user),
                now=clock.now(),
            )
        messages.success(request, _("Your choice is stored."))
        return redirect("admin:my_notices")
    context = {
        **admin.site.each_context(request),
        "title": _("My notices"),
        "sections": sections,
        "email": request.user.email,  # type: ignore[union-attr]  # signed in: the admin checks it
    }
    return TemplateResponse(request, "admin/my_notices.html", context)


def _make_section(
    request: HttpRequest, membership: Membership, choice: NoticeChoice | None
) -> dict[str, Any]:
    initial = {
        "each_sale": bool(choice and choice.each_sale),
        "daily_summary": bool(choice and choice.daily_summary),
        "sold_out": bool(choice and choice.sold_out),
        "language": choice.language if choice else get_language(),
    }
    given_up = MemberNotice.objects.filter(membership=membership, failed_at__isnull=False)
    return {
        "membership": membership,
        "form": ChoiceForm(request.POST or None, initial=initial, prefix=str(membership.pk)),
        "failure": given_up.order_by("-failed_at").values_list("failure", flat=True).first(),
    }
