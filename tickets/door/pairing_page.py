"""The page of the admin with which a phone becomes a door device: it shows the pairing QR code."""

from typing import Any, Final

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.cache import patch_cache_control

from events.admin.refusals import say_refusal
from ticketing import clock
from ticketing.actors import user_actor
from ticketing.errors import Refusal
from ticketing.tokens import make_pairing_code
from tickets.door.devices import PAIRING_LASTS, start_pairing
from tickets.models import Device

_MODULES_OF_MARGIN: Final = 4


def show_pairing(site: AdminSite, request: HttpRequest, device: Device) -> HttpResponse:
    """
    Show the QR code that makes a phone this device: a new one at each POST.

    A GET only explains and has the button, because an earlier code of the device stops working.
    """
    if request.method != "POST":
        return _render(site, request, device)
    code = make_pairing_code()
    try:
        start_pairing(
            device_id=device.pk,
            digest=code.digest,
            actor=user_actor(request.user),
            now=clock.now(),
        )
    except Refusal as refusal:
        messages.error(request, say_refusal(refusal))
        return redirect(_page_of(device))
    address = f"{settings.PUBLIC_URL}/door#pair={code.text}"
    return _render(site, request, device, address=address)


def show_new_device(
    site: AdminSite, request: HttpRequest, device: Device, token: str
) -> HttpResponse:
    """Show what to do with a device that was made just now. Its token is not shown again."""
    return _render(site, request, device, token=token)


def _render(
    site: AdminSite, request: HttpRequest, device: Device, *, address: str = "", token: str = ""
) -> HttpResponse:
    context = {
        **site.each_context(request),
        "opts": Device._meta,  # noqa: SLF001 - as Django's admin does
        "row": device,
        "row_page": _page_of(device),
        "pairing_page": reverse("admin:tickets_device_pair_this", args=[device.pk]),
        "secret": token,
        "address": address,
        "qr_code": _draw(address) if address else "",
        "minutes": int(PAIRING_LASTS.total_seconds() // 60),
        "door": f"{settings.PUBLIC_URL}/door",
    }
    page = TemplateResponse(request, "admin/pair_device.html", context)
    patch_cache_control(page, private=True, no_store=True)
    return page


def _page_of(device: Device) -> str:
    return reverse("admin:tickets_device_change", args=[device.pk])


def _draw(text: str) -> Any:
    """Return a QR code as a `data:` URL, at the lowest correction: it is shown on a screen."""
    code = segno.make_qr(text, error="l")
    return code.svg_data_uri(scale=10, border=_MODULES_OF_MARGIN, light="#fff")
