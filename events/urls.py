from events.views import Events, OneEvent
from ticketing.api.paths import api_path
from ticketing.api.quick import quickly

urlpatterns = [
    api_path("events", quickly(Events, reads_query=True)),
    api_path("events/<event:reference>", quickly(OneEvent)),
]
