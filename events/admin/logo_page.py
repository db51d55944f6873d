"""The page of the admin on which an owner uploads the organizer's logo, or removes it."""

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget

from events.admin.base import OwnAdmin, chosen
from events.admin.refusals import say_refusal
from events.logos import logo_address, remove_logo, set_logo
from events.models import Organizer
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.errors import Refusal


class LogoForm(forms.Form):
    logo = forms.FileField(
        label=gettext_lazy("Logo"),
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": "image/png,image/jpeg,image/webp"}),
        help_text=gettext_lazy(
            "PNG, JPEG or WebP, up to 8 MB, 384 pixels wide or 96 pixels high at least. 1152 × 288"
            " is best. A transparent logo gets a white or dark background, whichever shows it"
            " better."
        ),
    )

    def clean_logo(self) -> Any:
        upload = self.cleaned_data["logo"]
        if upload.size > settings.PICTURE_MAX_BYTES:
            raise ValidationError(_("The file is larger than 8 MB. Make it smaller."))
        return upload


class LogoPage(OwnAdmin):
    @action(description=gettext_lazy("Logo…"), permissions=["change"])
    def logo_this(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Take an upload, and make it the logo of the organizer; or remove its logo."""
        organizer: Organizer = get_object_or_404(chosen(self, request, object_id))
        back = reverse("admin:events_organizer_change", args=[organizer.pk])
        actor, now = user_actor(request.user), clock.now()
        if request.method == "POST" and "remove" in request.POST:
            remove_logo(organizer_id=organizer.pk, actor=actor, now=now)
            messages.success(request, _("The organizer has no logo any more."))
            return redirect(back)
        form = LogoForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and form.is_valid():
            try:
                set_logo(
                    organizer_id=organizer.pk,
                    upload=form.cleaned_data["logo"],
                    actor=actor,
                    now=now,
                )
            except Refusal as refusal:
                form.add_error("logo", say_refusal(refusal))
            except (BotoCoreError, ClientError):
                form.add_error("logo", _("The logo could not be stored. Try again later."))
            else:
                messages.success(
                    request,
                    _("The organizer has a new logo. Pages show it within ten seconds."),
                )
                return redirect(back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,  # noqa: SLF001 - as Django's admin does
            "title": _("Logo of the organizer"),
            "organizer": organizer,
            "logo": logo_address(organizer),
            "form": form,
            "back": back,
        }
        return TemplateResponse(request, "admin/organizer_logo.html", context)
