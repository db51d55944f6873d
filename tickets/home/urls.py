from django.contrib import admin
from django.urls import path

from tickets.home import views

urlpatterns = [
    path("find/", admin.site.admin_view(views.find), name="find"),
    path(
        "dashboard/<str:event_id>/",
        admin.site.admin_view(views.dashboard),
        name="event_dashboard",
    ),
]
