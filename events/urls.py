from django.urls import re_path

from events.list_answers import list_events_quickly
from events.views import Events, OneEvent, show_event_quickly
from ticketing.api.quick import quickly

urlpatterns = [
    re_path(r"^events/?$", quickly(Events.as_view(), GET=list_events_quickly, reads_query=True)),
    re_path(
        r"^events/(?P<reference>[A-Za-z0-9-]{1,80})/?$",
        quickly(OneEvent.as_view(), GET=show_event_quickly),
    ),
]
