from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.catalogue import find_event
from ticketing import clock
from ticketing.actors import system_actor
from tickets.replacement import KeyStillSigns, orders_signed_by, replace_tickets_signed_by
from tickets.transfers.offering import count_ended_offers


class Command(BaseCommand):
    help = "Replace the valid tickets that a leaked key signed, and mail the new ones."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--key-id", type=int, required=True, help="The id of the leaked key.")
        parser.add_argument("--event", help="The slug or id of one event. Without it: all.")
        parser.add_argument("--limit", type=int, help="Stop after this many orders.")
        parser.add_argument("--dry-run", action="store_true", help="Only count the orders.")

    def handle(self, *args: Any, **options: Any) -> None:
        key_id, event = options["key_id"], None
        if options["event"]:
            event = find_event(options["event"])
            if event is None:
                raise CommandError(f"No event has the slug or id {options['event']}.")
        found = orders_signed_by(
            key_id=key_id, event_id=event.pk if event else None, now=clock.now()
        )
        try:
            orders = list(islice(found, options["limit"]))
        except KeyStillSigns as error:
            raise CommandError(str(error)) from error
        if options["dry_run"]:
            self.stdout.write(f"Orders with valid tickets of key {key_id}: {len(orders)}.")
            return
        actor = system_actor(f"reissue_tickets --key-id {key_id}")
        tickets = offers = 0
        for order_id in orders:
            now = clock.now()
            tickets += replace_tickets_signed_by(
                key_id=key_id, order_id=order_id, actor=actor, now=now
            )
            offers += count_ended_offers(order_id, at=now)
        self.stdout.write(f"Orders: {len(orders)}. Tickets replaced: {tickets}.")
        if offers:
            self.stdout.write(
                f"Offers to other people that ended: {offers}. Their links stop working; the buyers"
                " may offer the new tickets."
            )
