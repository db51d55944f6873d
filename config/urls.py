"""Every path of the system."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from ticketing.api.documents import DocumentPage, document
from ticketing.api.problem_pages import OneProblem, Problems

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("events.urls")),
    path("", include("orders.urls")),
    path("", include("tickets.urls")),
    path("", include("tickets.webhooks.urls")),
    path("", include("ticketing.urls")),
    re_path(r"^schema/?$", document, name="schema"),
    re_path(r"^docs/?$", DocumentPage.as_view()),
    re_path(r"^problems/?$", Problems.as_view()),
    re_path(r"^problems/(?P<code>[a-z_]{1,60})/?$", OneProblem.as_view()),
    re_path(r"^$", RedirectView.as_view(url="/docs")),
    re_path(r"^admin$", RedirectView.as_view(url="/admin/")),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
]
if settings.MAILBOX_DIR:
    urlpatterns.append(path("", include("ticketing.stack.mailbox_urls")))

handler400 = "ticketing.api.problems.bad_request"
handler403 = "ticketing.api.problems.forbidden"
handler404 = "ticketing.api.problems.no_such_page"
handler500 = "ticketing.api.problems.server_error"
