"""The page of an invitation's link: the invited person makes an account, or signs in, and joins."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.auth import login
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View
from unfold.widgets import UnfoldAdminPasswordToggleWidget, UnfoldAdminTextInputWidget

from events.invitations import (
    AccountExists,
    AlreadyMember,
    InvitationNotOpen,
    InvitedOther,
    accept_with_account,
    accept_with_new_account,
    find_invitation,
)
from events.models import Invitation
from ticketing import clock
from ticketing.models import User
from ticketing.sign_in.accounts import accounts_of
from ticketing.text import check_line

# The backend that checks passwords. The other one only refuses names that are locked out.
_BACKEND = "django.contrib.auth.backends.ModelBackend"


class NewAccountForm(forms.Form):
    """The name and the password of a new account. Its address is that of the invitation."""

    first_name = forms.CharField(
        label=gettext_lazy("First name"),
        max_length=150,
        validators=[check_line],
        widget=UnfoldAdminTextInputWidget({"autocomplete": "given-name"}),
    )
    last_name = forms.CharField(
        label=gettext_lazy("Last name"),
        max_length=150,
        required=False,
        validators=[check_line],
        widget=UnfoldAdminTextInputWidget({"autocomplete": "family-name"}),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        strip=False,
        max_length=200,
        widget=UnfoldAdminPasswordToggleWidget({"autocomplete": "new-password"}),
        help_text=gettext_lazy("At least 8 characters, and not only digits."),
    )

    def __init__(self, invitation: Invitation, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.invitation = invitation

    def clean(self) -> dict[str, Any]:
        sent = super().clean() or self.cleaned_data
        user = User(
            username=self.invitation.email,
            email=self.invitation.email,
            first_name=sent.get("first_name", ""),
            last_name=sent.get("last_name", ""),
        )
        try:
            validate_password(sent.get("password", ""), user)
        except ValidationError as error:
            if "password" in sent:
                self.add_error("password", error)
        return sent


class InvitationPage(View):
    """Shows the invitation, and accepts it by POST. A link alone changes nothing."""

    def get(self, request: HttpRequest, invitation_id: UUID) -> HttpResponse:
        try:
            invitation = self._find(request, invitation_id)
        except InvitationNotOpen:
            return _show_ended(request)
        return _show(request, invitation, NewAccountForm(invitation))

    def post(self, request: HttpRequest, invitation_id: UUID) -> HttpResponse:
        try:
            invitation = self._find(request, invitation_id)
            if isinstance(request.user, User):
                return _accept_as(request.user, request, invitation)
            return _accept_as_new(request, invitation)
        except InvitationNotOpen:
            return _show_ended(request)

    def _find(self, request: HttpRequest, invitation_id: UUID) -> Invitation:
        token = request.GET.get("token", "")
        return find_invitation(invitation_id=invitation_id, token=token, now=clock.now())


def _accept_as(user: User, request: HttpRequest, invitation: Invitation) -> HttpResponse:
    try:
        accept_with_account(invitation=invitation, user=user, now=clock.now())
    except InvitedOther:
        # The page says whose invitation it is.
        return _show(request, invitation, NewAccountForm(invitation))
    except AlreadyMember:
        messages.info(request, _("You are a member already."))
        return redirect("admin:index")
    return _welcome(request, invitation)


def _accept_as_new(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    form = NewAccountForm(invitation, request.POST)
    if not form.is_valid():
        return _show(request, invitation, form)
    try:
        user = accept_with_new_account(invitation=invitation, now=clock.now(), **form.cleaned_data)
    except AccountExists:
        form.add_error(None, _("This address has an account already. Sign in with it to accept."))
        return _show(request, invitation, form)
    login(request, user, backend=_BACKEND)
    return _welcome(request, invitation)


def _welcome(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    organizer = invitation.organizer.name
    messages.success(request, _("Welcome to the team of %(organizer)s.") % {"organizer": organizer})
    return redirect("admin:index")


def _show(request: HttpRequest, invitation: Invitation, form: NewAccountForm) -> HttpResponse:
    signed_in = request.user if isinstance(request.user, User) else None
    own = signed_in and accounts_of(invitation.email).filter(pk=signed_in.pk).exists()
    here = request.get_full_path()
    context = admin.site.each_context(request) | {
        "title": invitation.organizer.name,
        "invitation": invitation,
        "inviter": str(invitation.invited_by or invitation.organizer.name),
        "form": form,
        "signed_in": signed_in,
        "own": own,
        "login_url": f"{reverse('admin:login')}?{urlencode({'next': here})}",
    }
    return render(request, "admin/invitation.html", context)


def _show_ended(request: HttpRequest) -> HttpResponse:
    context = admin.site.each_context(request) | {"title": _("This invitation is not open")}
    return render(request, "admin/invitation_ended.html", context, status=HTTPStatus.NOT_FOUND)
