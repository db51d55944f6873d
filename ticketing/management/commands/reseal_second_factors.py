"""Encrypt the secrets of two-factor sign-in by the current `SECRET_KEY`, when it is rotated."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ticketing.sign_in.second_factor import reseal_second_factors


class Command(BaseCommand):
    help = (
        "Encrypt each secret of a second factor by the current SECRET_KEY. Run it before you unset"
        " SECRET_KEY_FALLBACKS. It may run twice."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        if lost := reseal_second_factors():
            raise CommandError(f"No key in use can read {lost} secrets. The log names their users.")
        self.stdout.write("All secrets use the current key.")
