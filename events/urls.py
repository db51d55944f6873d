from events.list_answers import list_events_quickly
from events.views import Events, OneEvent, show_event_quickly
from ticketing.api.paths import api_path
from ticketing.api.quick import quickly

urlpatterns = [
    api_path("events", quickly(Events.as_view(), GET=list_events_quickly, reads_query=True)),
    api_path(
        "events/<event:reference>",
        quickly(OneEvent.as_view(), GET=show_event_quickly),
    ),
]
