"""The URLs of the whole system: each app's, the API's document, the admin."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

from ticketing.api.documents import DocumentPage, document
from ticketing.api.paths import api_path
from ticketing.api.problem_pages import OneProblem, Problems

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("events.urls")),
    path("", include("orders.urls")),
    path("", include("tickets.urls")),
    path("", include("tickets.webhooks.urls")),
    path("", include("ticketing.urls")),
    api_path("schema", document, name="schema"),
    api_path("docs", DocumentPage.as_view()),
    api_path("problems", Problems.as_view()),
    api_path("problems/<problem:code>", OneProblem.as_view()),
    re_path(r"^admin\Z", RedirectView.as_view(url="/admin/")),
    path("admin/", include("ticketing.sign_in.urls")),
    path("admin/", include("tickets.home.urls")),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
]
if settings.MAILBOX_DIR:
    urlpatterns.append(path("", include("ticketing.stack.mailbox_urls")))

handler400 = "ticketing.api.failures.bad_request"
handler403 = "ticketing.api.failures.forbidden"
handler404 = "ticketing.api.failures.no_such_page"
handler500 = "ticketing.api.failures.server_error"
