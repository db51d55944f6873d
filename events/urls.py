from django.urls import re_path

from events.views import Events, OneEvent

urlpatterns = [
    re_path(r"^events/?$", Events.as_view()),
    re_path(r"^events/(?P<reference>[A-Za-z0-9-]{1,80})/?$", OneEvent.as_view()),
]
