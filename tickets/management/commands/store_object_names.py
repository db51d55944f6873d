from typing import Any

from django.core.management.base import BaseCommand

from tickets.object_names import store_object_names


class Command(BaseCommand):
    help = "Store the object names of older tickets, so that no link needs TICKET_SIGNING_SECRET."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"Names stored: {store_object_names()}.")
