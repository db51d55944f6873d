from django.urls import re_path

from ticketing.views import Liveness, Readiness

urlpatterns = [
    re_path(r"^healthz/?$", Liveness.as_view()),
    re_path(r"^readyz/?$", Readiness.as_view()),
]
