from ticketing.api.paths import api_path
from tickets.webhooks.views import Webhooks

urlpatterns = [api_path("webhooks", Webhooks.as_view())]
