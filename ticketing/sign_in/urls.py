from django.urls import path

from ticketing.sign_in.password_pages import ChooseNewPassword, ask_for_link, show_link_sent

urlpatterns = [
    # The theme's sign-in page shows a link to the address of this name.
    path("password_reset/", ask_for_link, name="admin_password_reset"),
    path("password_reset/done/", show_link_sent, name="admin_password_reset_done"),
    path(
        "reset/<uidb64>/<token>/",
        ChooseNewPassword.as_view(),
        name="admin_password_reset_confirm",
    ),
]
