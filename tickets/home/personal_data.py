"""The page with which an owner answers a person who asks for a copy of their data, or its end."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget

from events.access import organizers_of
from events.admin.refusals import say_refusal
from events.models import Organizer
from events.roles import Right
from orders.consents import takes_news, withdraw_news
from orders.personal_data import no_longer_needed, orders_of_person
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.storage import StorageAway
from tickets.personal_data import (
    copy_of_person,
    erase_person,
    received_by_person,
    received_no_longer_needed,
)


class PersonForm(forms.Form):
    """A person's email address, and the organizer that the person has asked."""

    email = forms.EmailField(
        label=gettext_lazy("The person's email address"), widget=UnfoldAdminEmailInputWidget
    )
    organizer = forms.ModelChoiceField(
        Organizer.objects.none(),
        label=capfirst(gettext_lazy("organizer")),
        empty_label=None,
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, organizers: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["organizer"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101 - for the type checker
        field.queryset = organizers


def may_open(request: HttpRequest) -> bool:
    """Return whether the user owns an organizer, and so may open the page."""
    return organizers_of(request.user, Right.CHANGE_ORGANIZER).exists()


def personal_data(request: HttpRequest) -> HttpResponse:
    """
    Show how many orders a person has, and copy or erase the person's data.

    The address comes by POST alone: addresses of pages are logged.

    :raises PermissionDenied: if the user owns no organizer
    """
    organizers = organizers_of(request.user, Right.CHANGE_ORGANIZER).order_by("name", "pk")
    if not organizers.exists():
        raise PermissionDenied
    form = PersonForm(request.POST or None, organizers=organizers)
    found = None
    if form.is_valid():
        person = {
            "organizer_id": form.cleaned_data["organizer"].pk,
            "email": form.cleaned_data["email"],
        }
        if "copy" in request.POST:
            return _send_copy(request, person)
        if "erase" in request.POST:
            return _erase(request, person)
        if "withdraw" in request.POST:
            return _withdraw(request, person)
        orders, now = orders_of_person(**person), clock.now()
        count, done = orders.count(), no_longer_needed(orders, now=now).count()
        received = received_by_person(**person)
        found = {
            "received": received.count(),
            "received_erasable": received_no_longer_needed(received, now=now).count(),
            "orders": count,
            "erasable": done,
            "needed": count - done,
            "takes_news": takes_news(**person),
        }
    request.current_app = admin.site.name
    context = {
        **admin.site.each_context(request),
        "title": _("Personal data"),
        "form": form,
        "found": found,
        "asks_to_erase": "ask" in request.POST,
    }
    return TemplateResponse(request, "personal_data/page.html", context)


def _send_copy(request: HttpRequest, person: dict[str, Any]) -> HttpResponse:
    copied = copy_of_person(**person, actor=user_actor(request.user), now=clock.now())
    response = JsonResponse(copied, json_dumps_params={"ensure_ascii": False, "indent": 2})
    response["Content-Disposition"] = 'attachment; filename="personal-data.json"'
    return response


def _withdraw(request: HttpRequest, person: dict[str, Any]) -> HttpResponse:
    withdraw_news(**person, actor=user_actor(request.user), now=clock.now())
    messages.success(request, _("The person gets no news any more."))
    return redirect("personal_data")


def _erase(request: HttpRequest, person: dict[str, Any]) -> HttpResponse:
    try:
        done = erase_person(**person, actor=user_actor(request.user), now=clock.now())
    except StorageAway as refusal:
        messages.error(request, say_refusal(refusal))
        return redirect("personal_data")
    messages.success(
        request,
        ngettext(
            "The person was erased from %(count)d order.",
            "The person was erased from %(count)d orders.",
            done.erased,
        )
        % {"count": done.erased},
    )
    if done.received:
        messages.success(
            request,
            ngettext(
                "The person was erased from %(count)d ticket that was handed on.",
                "The person was erased from %(count)d tickets that were handed on.",
                done.received,
            )
            % {"count": done.received},
        )
    if done.needed:
        messages.warning(
            request,
            ngettext(
                "%(count)d order is still needed: its event is to come, or it is open.",
                "%(count)d orders are still needed: their events are to come, or they are open.",
                done.needed,
            )
            % {"count": done.needed},
        )
    return redirect("personal_data")
