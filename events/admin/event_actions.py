"""The buttons of an event's page: publish, take off sale, cancel."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, ngettext_lazy
from unfold.decorators import action

from events.admin.base import act_on_each, chosen
from events.admin.cancelling import (
    CancellationForm,
    Consequences,
    count_consequences,
    count_progress,
)
from events.admin.checklist import show_checklist
from events.admin.confirming import Question, after_asking, dangerous, on_its_page
from events.admin.event_pages import EventPages, page_of
from events.admin.questions import AsksQuestions
from events.admin.refusals import say_refusal
from events.admin.wording import show_when
from events.models import Event, EventStatus
from events.organizing import cancel_event
from events.publishing import has_buyers, publish_event, unpublish_event
from events.roles import Right
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.errors import Refusal
from ticketing.money import format_money


def _ask_to_publish(events: QuerySet[Event]) -> Question:
    event = events.get()
    return Question(
        text=_("Put “%(name)s” on sale?") % {"name": event.name},
        consequences=[
            _("It appears in the catalogue at once, and anybody can buy tickets."),
            show_checklist(event, page=page_of(event)),
        ],
        confirm=_("Publish the event"),
        keep=_("Keep it as a draft"),
        is_harmless=True,
        about=[],
    )


def _ask_to_unpublish(events: QuerySet[Event]) -> Question:
    event = events.get()
    return Question(
        text=_("Take “%(name)s” off sale?") % {"name": event.name},
        consequences=[
            _("It becomes a draft: it leaves the catalogue, and nobody can buy tickets."),
            _("You can change it and publish it again at any time."),
        ],
        confirm=_("Take the event off sale"),
        keep=_("Leave it on sale"),
        is_harmless=True,
        about=[],
    )


class EventActions(AsksQuestions, EventPages):
    actions = ["publish_chosen"]
    actions_detail = [
        "publish_this",
        "unpublish_this",
        "share_this",
        "picture_this",
        "clone_this",
        "cancel_this",
        "progress_this",
        "see_promo_codes",
    ]
    # Pages without a button at the top: a destructive one is not next to harmless ones.
    _without_button: ClassVar = {"cancel_this", "progress_this"}

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        event = chosen(self, request, str(object_id)).first()
        hidden = set(self._without_button)
        if event is None or event.status != EventStatus.DRAFT:
            hidden.add("publish_this")
        if event is None or event.status != EventStatus.PUBLISHED or has_buyers(event):
            hidden.add("unpublish_this")
        buttons = super().get_actions_detail(request, object_id)
        return [one for one in buttons if one.method.original_function_name not in hidden]

    def has_see_orders_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Return whether the user may see the event's orders, and so its promo codes."""
        return self.has_right(request, Right.SEE_ORDERS, object_id)

    @action(description=gettext_lazy("Promo codes"), permissions=["see_orders"])
    def see_promo_codes(self, request: HttpRequest, object_id: str) -> HttpResponse:
        event = get_object_or_404(chosen(self, request, object_id))
        address = reverse("admin:orders_promocode_changelist")
        return redirect(f"{address}?event__id__exact={event.pk}")

    @admin.action(description=gettext_lazy("Publish"), permissions=["change"])
    def publish_chosen(self, request: HttpRequest, rows: QuerySet[Event]) -> None:
        act_on_each(
            request,
            rows,
            lambda event: publish_event(
                event_id=event.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=ngettext_lazy(
                "%(count)d event published.", "%(count)d events published.", "count"
            ),
        )

    @action(description=gettext_lazy("Publish…"), permissions=["change"])
    @on_its_page
    @after_asking(_ask_to_publish)
    def publish_this(self, request: HttpRequest, rows: QuerySet[Event]) -> None:
        for event in rows:
            try:
                publish_event(event_id=event.pk, actor=user_actor(request.user), now=clock.now())
            except Refusal as refusal:
                messages.error(request, f"{event}: {say_refusal(refusal)}")
            else:
                messages.success(
                    request,
                    _("“%(name)s” is on sale. You find its link under “Share…”.")
                    % {"name": event.name},
                )

    @action(description=gettext_lazy("Take off sale…"), permissions=["change"])
    @on_its_page
    @after_asking(_ask_to_unpublish)
    def unpublish_this(self, request: HttpRequest, rows: QuerySet[Event]) -> None:
        act_on_each(
            request,
            rows,
            lambda event: unpublish_event(
                event_id=event.pk, actor=user_actor(request.user), now=clock.now()
            ),
            done=ngettext_lazy(
                "%(count)d event taken off sale.", "%(count)d events taken off sale.", "count"
            ),
        )

    @action(description=gettext_lazy("Cancel the event…"), permissions=["change"])
    @dangerous
    def cancel_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show whom a cancellation concerns, and cancel after the user has confirmed."""
        event = get_object_or_404(chosen(self, request, object_id))
        form = CancellationForm(request.POST or None)
        if request.POST.get("confirmed") == "yes" and form.is_valid():
            cancel_event(
                event_id=event.pk,
                note=form.cleaned_data["note"],
                actor=user_actor(request.user),
                now=clock.now(),
            )
            messages.success(
                request,
                _("“%(name)s” is cancelled. Refunds and mails are on their way.")
                % {"name": event.name},
            )
            return redirect(page_of(event))
        found = count_consequences(event)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,  # noqa: SLF001 - as Django's admin does
            "title": _("Cancel the event"),
            "event": event,
            "when": show_when(event),
            "consequences": _say_consequences(event, found),
            "confirm": _("Cancel the event and refund")
            if found.paid_orders
            else _("Cancel the event"),
            "form": form,
            "back": page_of(event),
        }
        return TemplateResponse(request, "admin/cancel_event.html", context)

    @action(description=gettext_lazy("Progress"), permissions=["view"])
    def progress_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Return how far a cancellation has come, as a part of the event's page."""
        event = get_object_or_404(chosen(self, request, object_id))
        context = {"progress": count_progress(event)}
        return TemplateResponse(request, "admin/cancellation_progress.html", context)


def _say_consequences(event: Event, found: Consequences) -> list[str]:
    lines = [_("From now on, nobody can buy tickets. The event stays visible as cancelled.")]
    if found.reservations:
        lines.append(_say_reservations(found))
    if found.processing:
        lines.append(
            ngettext(
                "%(count)s payment that is being processed is declined or refunded.",
                "%(count)s payments that are being processed are declined or refunded.",
                found.processing.count,
            )
            % {"count": found.processing}
        )
    if found.paid_orders:
        lines.append(
            ngettext(
                "%(count)d paid order is refunded: %(amount)s in all.",
                "%(count)d paid orders are refunded: %(amount)s in all.",
                found.paid_orders,
            )
            % {
                "count": found.paid_orders,
                "amount": format_money(found.amount, event.currency),
            }
        )
        lines.append(_say_buyers(found))
        lines.append(
            ngettext(
                "%(count)d ticket is revoked and opens no gate any more.",
                "%(count)d tickets are revoked and open no gate any more.",
                found.tickets,
            )
            % {"count": found.tickets}
        )
    else:
        lines.append(_("Nobody has paid yet, so there is nothing to refund."))
    if found.entries:
        lines.append(
            ngettext(
                "Attention: %(count)s person has entered already, and is refunded too.",
                "Attention: %(count)s people have entered already, and are refunded too.",
                found.entries.count,
            )
            % {"count": found.entries}
        )
    # Some begin with "more than".
    return [capfirst(line) for line in lines]


def _say_reservations(found: Consequences) -> str:
    if found.reserved_tickets is None:
        return ngettext(
            "%(count)s open reservation ends.",
            "%(count)s open reservations end.",
            found.reservations.count,
        ) % {"count": found.reservations}
    tickets = ngettext("%(count)d ticket", "%(count)d tickets", found.reserved_tickets)
    return ngettext(
        "%(count)d open reservation ends (%(tickets)s).",
        "%(count)d open reservations end (%(tickets)s).",
        found.reservations.count,
    ) % {
        "count": found.reservations.count,
        "tickets": tickets % {"count": found.reserved_tickets},
    }


def _say_buyers(found: Consequences) -> str:
    if found.buyers is None:
        return _("Each buyer gets a mail about it.")
    return ngettext(
        "%(count)d buyer gets a mail about it.",
        "%(count)d buyers get a mail about it.",
        found.buyers,
    ) % {"count": found.buyers}
