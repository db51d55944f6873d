from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Migrate the database and set up AWS. Run it before this version's processes start."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=options["verbosity"])
        call_command("provision_aws", stdout=self.stdout)
        if settings.DEMO_ADMIN_PASSWORD:
            call_command("load_demo_data", stdout=self.stdout)
