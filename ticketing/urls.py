from ticketing.api.paths import api_path
from ticketing.health import Liveness

urlpatterns = [api_path("healthz", Liveness.as_view())]
