from django.urls import path, re_path

from events.gate_views import EventGates
from events.invitation_page import InvitationPage
from events.pages.card import show_card
from events.pages.catalogue import show_catalogue
from events.pages.live import show_live
from events.pages.robots import show_robots, show_sitemap, show_sitemap_index
from events.pages.terms import show_terms_page
from events.picture_views import show_logo, show_picture
from events.question_views import EventQuestions
from events.terms_views import EventTerms
from events.views import Events, OneEvent
from ticketing.api.paths import api_path
from ticketing.api.quick import quickly

urlpatterns = [
    api_path("events", quickly(Events, reads_query=True)),
    api_path("events/<event:reference>", quickly(OneEvent)),
    api_path("events/<event:reference>/terms", EventTerms.as_view()),
    api_path("events/<event:reference>/gates", EventGates.as_view()),
    api_path("events/<event:reference>/questions", EventQuestions.as_view()),
    # Pages and pictures for people. They are no part of the API's document.
    re_path(r"^\Z", show_catalogue, name="catalogue"),
    re_path(r"^e/(?P<slug>[a-z0-9-]{1,80})/live/?\Z", show_live),
    re_path(r"^e/(?P<slug>[a-z0-9-]{1,80})/card\.png\Z", show_card),
    re_path(r"^robots\.txt\Z", show_robots),
    re_path(r"^sitemap\.xml\Z", show_sitemap_index),
    re_path(r"^sitemap-(?P<number>[1-9][0-9]{0,2})\.xml\Z", show_sitemap),
    re_path(r"^terms/(?P<slug>[a-z0-9-]{1,80})/?\Z", show_terms_page),
    re_path(r"^terms/(?P<slug>[a-z0-9-]{1,80})/(?P<number>[1-9][0-9]*)/?\Z", show_terms_page),
    re_path(r"^pictures/(?P<key>[A-Za-z0-9_-]{22})/(?P<width>400|800|1600)\.jpg\Z", show_picture),
    re_path(r"^pictures/(?P<key>[A-Za-z0-9_-]{22})/logo-(?P<size>2|6)x\.png\Z", show_logo),
    path("admin/invitations/<uuid:invitation_id>/", InvitationPage.as_view(), name="invitation"),
]
