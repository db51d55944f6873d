"""A user's own pages about two-factor sign-in: setting it up, recovery codes, turning it off."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import segno
from django import forms
from django.contrib import admin, messages
from django.contrib.auth import authenticate, update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminPasswordToggleWidget

from ticketing import clock
from ticketing.models import RecoveryCode, User
from ticketing.sign_in.code_form import CodeForm, PhoneCodeForm, check_code, show_locked
from ticketing.sign_in.sealing import Unreadable, seal, unseal
from ticketing.sign_in.second_factor import (
    TooManyWrongSignInCodes,
    make_secret,
    renew_recovery_codes,
    spell_secret,
    turn_off_second_factor,
    turn_on_second_factor,
)

# In the session: the secret that the page shows, sealed. It stays the same when the page is loaded
# again, because the phone may have it already.
_SECRET: Final = "new_second_factor"  # noqa: S105 - a name
_ISSUER: Final = "Bilheteria"
_GROUP: Final = 4


class SetUpForm(PhoneCodeForm):
    """The password, so that a session left open cannot lock its user out, and the first code."""

    password = forms.CharField(
        label=gettext_lazy("Your password"),
        strip=False,
        max_length=200,
        widget=UnfoldAdminPasswordToggleWidget({"autocomplete": "current-password"}),
    )
    field_order = ("code", "password")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # The code to scan comes first on the page.
        del self.fields["code"].widget.attrs["autofocus"]


@dataclass(frozen=True, slots=True)
class _Asking:
    """A page that asks for a code before it does something."""

    title: Any
    sentences: tuple[Any, ...]
    button: Any


_NEW_CODES: Final = _Asking(
    title=gettext_lazy("New recovery codes"),
    sentences=(gettext_lazy("You get ten new codes. The ones that you have stop working."),),
    button=gettext_lazy("Make new recovery codes"),
)
_OFF: Final = _Asking(
    title=gettext_lazy("Turn off two-factor sign-in"),
    sentences=(
        gettext_lazy("From then on the password alone signs you in."),
        gettext_lazy("For another phone: turn it off, then set it up again."),
    ),
    button=gettext_lazy("Turn it off"),
)


def show_security(request: HttpRequest) -> HttpResponse:
    user = _user_of(request)
    context = {"left": RecoveryCode.objects.filter(user=user).count(), "user": user}
    return _show(request, "account/security.html", _("Security"), context)


@sensitive_post_parameters("password", "code")
def set_up_second_factor(request: HttpRequest) -> HttpResponse:
    """Show a secret to the phone, and turn on when the phone's code proves that it has it."""
    user = _user_of(request)
    if user.second_factor_since is not None:
        return redirect("security")
    secret = _secret_of_session(request)
    form = SetUpForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if authenticate(request, username=user.username, password=form.cleaned_data["password"]):
            codes = check_code(
                form,
                lambda text: turn_on_second_factor(
                    user=user, secret=secret, text=text, language=_language(), now=clock.now()
                ),
            )
            if codes:
                del request.session[_SECRET]
                update_session_auth_hash(request, user)
                return _show_codes(request, codes)
        else:
            form.add_error("password", _("This is not your password."))
    spelled = spell_secret(secret)
    context = {
        "form": form,
        "picture": _draw(user, spelled),
        "spelled": " ".join(spelled[at : at + _GROUP] for at in range(0, len(spelled), _GROUP)),
        "is_required": bool(_next_page(request)),
    }
    return _show(request, "account/set_up.html", _("Set up two-factor sign-in"), context)


@sensitive_post_parameters("code")
def new_recovery_codes(request: HttpRequest) -> HttpResponse:
    user = _user_of(request)

    def renew(text: str) -> list[str]:
        return renew_recovery_codes(user=user, text=text, language=_language(), now=clock.now())

    return _ask_for_code(request, _NEW_CODES, renew, lambda codes: _show_codes(request, codes))


@sensitive_post_parameters("code")
def turn_off(request: HttpRequest) -> HttpResponse:
    user = _user_of(request)

    def turn_it_off(text: str) -> bool:
        turn_off_second_factor(user=user, text=text, language=_language(), now=clock.now())
        return True

    def finish(_done: bool) -> HttpResponse:  # noqa: FBT001 - what `turn_it_off` has returned
        update_session_auth_hash(request, user)
        messages.success(request, _("Two-factor sign-in is off."))
        return redirect("security")

    return _ask_for_code(request, _OFF, turn_it_off, finish)


def _ask_for_code(
    request: HttpRequest,
    asking: _Asking,
    act: Callable[[str], Any],
    finish: Callable[[Any], HttpResponse],
) -> HttpResponse:
    """Show a form for a code. Call `act` with the code that was sent, and `finish` if it fits."""
    if _user_of(request).second_factor_since is None:
        return redirect("security")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            if done := check_code(form, act):
                return finish(done)
        except TooManyWrongSignInCodes as refusal:
            return show_locked(request, refusal)
    context = {"form": form, "asking": asking}
    return _show(request, "account/ask_for_code.html", str(asking.title), context)


def _secret_of_session(request: HttpRequest) -> bytes:
    try:
        return unseal(request.session.get(_SECRET, ""))
    except Unreadable:
        secret = make_secret()
        request.session[_SECRET] = seal(secret)
        return secret


def _show_codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    context = {"codes": codes, "go_on": _next_page(request) or reverse("security")}
    return _show(request, "account/recovery_codes.html", _("Keep these recovery codes"), context)


def _draw(user: User, spelled: str) -> SafeString:
    """Return the QR code that an authenticator app scans."""
    label = f"{_ISSUER}:{user.username}"
    query = urlencode({"secret": spelled, "issuer": _ISSUER})
    address = f"otpauth://totp/{quote(label)}?{query}"
    picture = segno.make(address, error="m").svg_inline(scale=5, border=3, light="#fff")
    return mark_safe(picture)  # noqa: S308 - segno draws squares, and writes no text of ours


def _show(request: HttpRequest, template: str, title: str, context: dict[str, Any]) -> HttpResponse:
    shown = {**admin.site.each_context(request), "title": title, **context}
    return TemplateResponse(request, template, shown)


def _next_page(request: HttpRequest) -> str:
    """Return the page to which the user wanted to go, if it is one of ours."""
    wanted = request.GET.get("next", "")
    own = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if own else ""


def _user_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - the admin lets nobody else in
    return request.user


def _language() -> str:
    return get_language() or ""
