from django.urls import re_path

from ticketing.health import Liveness

urlpatterns = [re_path(r"^healthz/?$", Liveness.as_view())]
