"""The pages of passwords: the mailed link of a forgotten one, and changing the own one."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import authenticate, update_session_auth_hash
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.views import (
    INTERNAL_RESET_SESSION_TOKEN,
    PasswordChangeView,
    PasswordResetConfirmView,
)
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from unfold.forms import AdminOwnPasswordChangeForm
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminPasswordToggleWidget

from ticketing import clock
from ticketing.models import ActType, User
from ticketing.sign_in.passwords import request_password_reset, set_new_password


class AddressForm(forms.Form):
    """The address of an account."""

    email = forms.EmailField(
        label=gettext_lazy("Email"),
        max_length=254,
        widget=UnfoldAdminEmailInputWidget({"autocomplete": "username", "autofocus": True}),
    )


class NewPasswordForm(forms.Form):
    """The new password of a user."""

    password = forms.CharField(
        label=gettext_lazy("New password"),
        strip=False,
        max_length=200,
        widget=UnfoldAdminPasswordToggleWidget({"autocomplete": "new-password"}),
    )

    def __init__(self, user: User, *args: Any, **options: Any) -> None:
        self.user = user
        super().__init__(*args, **options)

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password, self.user)
        return password


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    """The theme's form. Wrong old passwords lock the name, as they do on the sign-in page."""

    def __init__(self, user: User, *args: Any, request: HttpRequest, **options: Any) -> None:
        super().__init__(user, *args, **options)
        self.request = request

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        # By way of the backends, which count wrong ones.
        if not authenticate(self.request, username=self.user.username, password=password):
            raise ValidationError(_("This is not your password."))
        return password


def ask_for_link(request: HttpRequest) -> HttpResponse:
    """Take an address. The response is the same whether it has an account or not."""
    form = AddressForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        request_password_reset(
            address=form.cleaned_data["email"],
            language=get_language() or "",
            now=clock.now(),
        )
        return redirect("admin_password_reset_done")
    context = admin.site.each_context(request) | {
        "title": _("Forgot your password?"),
        "form": form,
    }
    return render(request, "account/ask_for_link.html", context)


def show_link_sent(request: HttpRequest) -> HttpResponse:
    context = admin.site.each_context(request) | {"title": _("Look into your inbox")}
    return render(request, "account/link_sent.html", context)


class ChooseNewPassword(PasswordResetConfirmView):
    """Follows the mailed link. Django moves the link's token from the address into the session."""

    form_class = NewPasswordForm  # type: ignore[assignment]  # the view only calls it
    template_name = "account/new_password.html"
    success_url = reverse_lazy("admin:login")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        shown: dict[str, Any] = admin.site.each_context(self.request)
        title = _("Choose a new password") if self.validlink else _("This link does not work")
        return shown | super().get_context_data(**context) | {"title": title}

    def form_valid(self, form: Any) -> HttpResponse:
        changed = set_new_password(
            user=form.user,
            password=form.cleaned_data["password"],
            act=ActType.PASSWORD_RESET,
            language=get_language() or "",
            now=clock.now(),
        )
        if not changed:
            form.add_error(None, ValidationError(_("This link was used already.")))
            return self.form_invalid(form)
        del self.request.session[INTERNAL_RESET_SESSION_TOKEN]
        messages.success(self.request, _("Your new password is stored. Sign in with it."))
        return redirect(self.success_url)


@method_decorator(sensitive_post_parameters(), name="dispatch")
class ChangeOwnPassword(PasswordChangeView):
    """Instead of the admin's page: it records the change, mails the user, and limits guesses."""

    form_class = OwnPasswordForm
    template_name = "registration/password_change_form.html"

    def get_form_kwargs(self) -> dict[str, Any]:
        return super().get_form_kwargs() | {"request": self.request}

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        shown: dict[str, Any] = admin.site.each_context(self.request)
        return shown | super().get_context_data(**context)

    def form_valid(self, form: Any) -> HttpResponse:
        user: User = form.user
        changed = set_new_password(
            user=user,
            password=form.cleaned_data["new_password1"],
            act=ActType.PASSWORD_CHANGED,
            language=get_language() or "",
            now=clock.now(),
        )
        if not changed:
            form.add_error("old_password", _("This is not your password."))
            return self.form_invalid(form)
        user.refresh_from_db(fields=["password"])
        update_session_auth_hash(self.request, user)
        messages.success(
            self.request, _("Your new password is stored. You are signed out everywhere else.")
        )
        return redirect("security")
