from django.urls import re_path

from ticketing.views import Liveness

urlpatterns = [re_path(r"^healthz/?$", Liveness.as_view())]
