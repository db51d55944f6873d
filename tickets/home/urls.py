from django.contrib import admin
from django.urls import path

from tickets.home import views
from tickets.home.personal_data import personal_data
from tickets.home.retention import retention

urlpatterns = [
    path("personal-data/", admin.site.admin_view(personal_data), name="personal_data"),
    path("personal-data/retention/", admin.site.admin_view(retention), name="retention"),
    path(
        "first-steps/hide/",
        admin.site.admin_view(views.hide_first_steps),
        name="hide_first_steps",
    ),
    path("find/", admin.site.admin_view(views.find), name="find"),
    path(
        "dashboard/<str:event_id>/",
        admin.site.admin_view(views.dashboard),
        name="event_dashboard",
    ),
]
