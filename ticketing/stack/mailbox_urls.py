from django.urls import re_path

from ticketing.stack import mailbox_views as views

_NAME = r"(?P<name>[0-9]{19}-[0-9a-f]{8})"

urlpatterns = [
    re_path(r"^mailbox/?\Z", views.inbox, name="mailbox"),
    re_path(r"^mailbox/messages/?\Z", views.listing),
    re_path(rf"^mailbox/messages/{_NAME}\.eml\Z", views.raw, name="mailbox-raw"),
    re_path(rf"^mailbox/{_NAME}/?\Z", views.one, name="mailbox-one"),
    re_path(rf"^mailbox/{_NAME}/page\Z", views.page, name="mailbox-page"),
    re_path(rf"^mailbox/{_NAME}/inline/(?P<content_id>[^/]+)\Z", views.inline),
    re_path(
        rf"^mailbox/{_NAME}/files/(?P<file_name>[^/]+)\Z",
        views.attachment,
        name="mailbox-file",
    ),
]
