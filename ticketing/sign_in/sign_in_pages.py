"""
The sign-in page, and its second step for users with a second factor.

Between the two steps the session has no user: nobody is signed in by a password alone.
"""

from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.auth import REDIRECT_FIELD_NAME, login
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.core.validators import MaxLengthValidator
from django.forms import CharField
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.decorators import method_decorator
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView
from unfold.forms import AuthenticationForm

from ticketing import clock
from ticketing.models import RecoveryCode, User
from ticketing.sign_in.code_form import CodeForm, PhoneCodeForm, check_code, show_locked
from ticketing.sign_in.second_factor import TooManyWrongSignInCodes, check_second_factor
from ticketing.staff import is_staff_now

# The backend that checks passwords. The other one only refuses names that are locked out.
_BACKEND: Final = "django.contrib.auth.backends.ModelBackend"
# In the session: whose password was right, when, and what the session's hash was.
_WAITING: Final = "waits_for_second_step"
_FEW_CODES: Final = 3
_PATIENCE: Final = timedelta(minutes=10)


class _PasswordForm(AuthenticationForm):  # type: ignore[misc]  # Unfold has no types
    """Refuses names that are longer than any user's: the record of failed sign-ins is as narrow."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        name = self.fields["username"]
        assert isinstance(name, CharField)  # noqa: S101 - for the type checker
        assert name.max_length is not None  # noqa: S101 - Django takes it from the user's column
        # Django sets the length too late for the field to check it.
        name.validators.append(MaxLengthValidator(name.max_length))


class SignIn(LoginView):
    """Takes the name and the password, as the page of Django's admin does."""

    template_name = "admin/login.html"
    authentication_form = _PasswordForm
    next_page = "admin:index"

    def get(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        if admin.site.has_permission(request):
            return redirect("admin:index")
        return super().get(request, *args, **options)

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        user: User = form.get_user()
        if user.second_factor_since is None:
            return super().form_valid(form)
        _wait_for_second_step(self.request, user)
        next_page = urlencode({REDIRECT_FIELD_NAME: self.get_redirect_url()})
        return redirect(f"{reverse('sign_in_code')}?{next_page}")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        shown: dict[str, Any] = admin.site.each_context(self.request)
        return (
            shown
            | super().get_context_data(**context)
            | {"title": _("Log in"), "app_path": self.request.get_full_path()}
        )


@method_decorator([never_cache, sensitive_post_parameters("code")], name="dispatch")
class SecondStep(RedirectURLMixin, FormView):  # type: ignore[type-arg]  # Django has no arguments
    """Takes a code of the phone, or with `?recovery=1` a recovery code, and signs the user in."""

    template_name = "account/second_step.html"
    next_page = "admin:index"

    def dispatch(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponseBase:
        self.user = _user_who_waits(request, clock.now())
        if self.user is None:
            return redirect(f"{reverse('admin:login')}?{self._next_page()}")
        return super().dispatch(request, *args, **options)

    def get_form_class(self) -> type[CodeForm]:
        return CodeForm if "recovery" in self.request.GET else PhoneCodeForm

    def form_valid(self, form: CodeForm) -> HttpResponse:
        user = self.user
        assert user is not None  # noqa: S101 - `dispatch` has redirected others

        def check(text: str) -> bool:
            language = get_language() or ""
            check_second_factor(user=user, text=text, language=language, now=clock.now())
            return True

        try:
            if not check_code(form, check):
                return self.form_invalid(form)
        except TooManyWrongSignInCodes as refusal:
            return show_locked(self.request, refusal)
        del self.request.session[_WAITING]
        login(self.request, user, backend=_BACKEND)
        left = RecoveryCode.objects.filter(user=user).count()
        if left <= _FEW_CODES:
            text = ngettext(
                "You have %(count)d recovery code left. Make new ones under “Security”.",
                "You have %(count)d recovery codes left. Make new ones under “Security”.",
                left,
            )
            messages.warning(self.request, text % {"count": left})
        return redirect(self.get_success_url())

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        shown: dict[str, Any] = admin.site.each_context(self.request)
        return (
            shown
            | super().get_context_data(**context)
            | {
                "title": _("Two-factor sign-in"),
                "account": self.user,
                "recovery": "recovery" in self.request.GET,
                "next_page": self._next_page(),
            }
        )

    def _next_page(self) -> str:
        return urlencode({REDIRECT_FIELD_NAME: self.get_redirect_url()})


def _wait_for_second_step(request: HttpRequest, user: User) -> None:
    # A session that was there before may be known to others, and may have another user.
    request.session.flush()
    request.session[_WAITING] = {
        "user": user.pk,
        "hash": user.get_session_auth_hash(),
        "until": (clock.now() + _PATIENCE).timestamp(),
    }


def _user_who_waits(request: HttpRequest, now: datetime) -> User | None:
    """Return the user whose password was right a short time ago, and is still the same."""
    waiting = request.session.get(_WAITING)
    if waiting is None or waiting["until"] < now.timestamp():
        return None
    user = User.objects.filter(pk=waiting["user"]).first()
    if user is None or not is_staff_now(user):
        return None
    same = constant_time_compare(waiting["hash"], user.get_session_auth_hash())
    return user if same else None
