"""Take the two-factor sign-in from a user who has lost the phone and the recovery codes."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ticketing import clock
from ticketing.actors import system_actor
from ticketing.models import User
from ticketing.sign_in.second_factor import reset_second_factor


class Command(BaseCommand):
    help = (
        "Remove the two-factor sign-in of a user. The user's sessions end, and the user gets a"
        " mail. Make sure first that it is the user who asks."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("username")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(username=options["username"]).first()
        if user is None:
            raise CommandError("There is no user of that name.")
        actor = system_actor("reset_second_factor")
        done = reset_second_factor(
            user=user, actor=actor, language=settings.LANGUAGE_CODE, now=clock.now()
        )
        self.stdout.write("Removed." if done else "This user had none.")
