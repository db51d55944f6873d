from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ticketing import clock
from tickets.demo_data import DemoSecrets, load_demo_data


class Command(BaseCommand):
    help = "Create an organizer, events, an admin and tokens to try the system with."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--no-season",
            action="store_true",
            help="only the two events that nobody has bought yet",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        secrets = DemoSecrets(
            admin_password=settings.DEMO_ADMIN_PASSWORD,
            api_token=settings.DEMO_API_TOKEN,
            device_token=settings.DEMO_DEVICE_TOKEN,
        )
        if not (secrets.admin_password and secrets.api_token and secrets.device_token):
            raise CommandError(
                "Set DEMO_ADMIN_PASSWORD, DEMO_API_TOKEN and DEMO_DEVICE_TOKEN."
                " Do not set them in production: the demo is for the local stack."
            )
        load_demo_data(secrets=secrets, now=clock.now(), with_season=not options["no_season"])
