from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Bring the database and AWS to what this version needs, before its processes start."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=options["verbosity"])
        call_command("provision_aws", stdout=self.stdout)
        if settings.DEMO_ADMIN_PASSWORD:
            call_command("load_demo_data", stdout=self.stdout)
