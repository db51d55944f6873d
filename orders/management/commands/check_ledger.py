from typing import Any

from django.core.management.base import BaseCommand, CommandError

from orders.ledger import find_ledger_faults


class Command(BaseCommand):
    help = "Check that the ledger adds up to all payments, refunds and orders. Changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        faults = list(find_ledger_faults())
        for fault in faults:
            self.stderr.write(fault)
        if faults:
            raise CommandError("The ledger does not add up. See the lines above.")
        self.stdout.write("The ledger adds up.")
