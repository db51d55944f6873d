from django.urls import re_path

from ticketing.api.paths import api_path
from ticketing.health import Liveness
from ticketing.pages.accent import show_accent

urlpatterns = [
    api_path("healthz", Liveness.as_view()),
    re_path(r"^accent/(?P<color>[0-9a-f]{6})\.css\Z", show_accent),
]
