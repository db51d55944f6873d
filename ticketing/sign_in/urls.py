from django.contrib import admin
from django.urls import path

from ticketing.sign_in import security_pages
from ticketing.sign_in.password_pages import (
    ChangeOwnPassword,
    ChooseNewPassword,
    ask_for_link,
    show_link_sent,
)
from ticketing.sign_in.sign_in_pages import SecondStep, SignIn

_own = admin.site.admin_view

urlpatterns = [
    # Instead of the admin's page of this address, which knows one step only.
    path("login/", SignIn.as_view(), name="sign_in"),
    path("login/code/", SecondStep.as_view(), name="sign_in_code"),
    # The theme's sign-in page shows a link to the address of this name.
    path("password_reset/", ask_for_link, name="admin_password_reset"),
    path("password_reset/done/", show_link_sent, name="admin_password_reset_done"),
    path(
        "reset/<uidb64>/<token>/",
        ChooseNewPassword.as_view(),
        name="admin_password_reset_confirm",
    ),
    # Instead of the admin's page of this address.
    path("password_change/", _own(ChangeOwnPassword.as_view()), name="change_own_password"),
    path("security/", _own(security_pages.show_security), name="security"),
    path("security/set-up/", _own(security_pages.set_up_second_factor), name="set_up_security"),
    path("security/codes/", _own(security_pages.new_recovery_codes), name="new_recovery_codes"),
    path("security/off/", _own(security_pages.turn_off), name="turn_off_second_factor"),
]
