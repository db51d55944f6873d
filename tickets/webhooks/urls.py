from django.urls import re_path

from tickets.webhooks.views import Webhooks

urlpatterns = [re_path(r"^webhooks/?$", Webhooks.as_view())]
