"""`python -m tests.bench.parts ORDER_ID`: measures the necessary parts of processing one order."""

import sys
import time

import django

_TIMES = 30


def main() -> None:
    """Draw and store the QR codes, send the mail, write rows. Print the seconds for one order."""
    django.setup()
    from django.core.files.base import ContentFile  # noqa: PLC0415 - needs django.setup()
    from django.core.files.storage import storages  # noqa: PLC0415
    from django.core.mail import get_connection  # noqa: PLC0415
    from django.db import connection, transaction  # noqa: PLC0415

    from orders.models import Order  # noqa: PLC0415
    from ticketing import clock  # noqa: PLC0415
    from tickets.mail import compose_ticket_mail, tickets_to_mail  # noqa: PLC0415
    from tickets.pictures import render_png  # noqa: PLC0415

    order = Order.objects.select_related("event__organizer").get(pk=sys.argv[1])
    tickets = list(tickets_to_mail(order.pk))
    mail = compose_ticket_mail(order=order, tickets=tickets, now=clock.now())
    mail.message()
    mail_connection = get_connection()
    mail_connection.open()
    mail.connection = mail_connection
    began = time.monotonic()
    for number in range(_TIMES):
        for ticket in tickets:
            # Without the cache: in reality each order has different QR codes.
            picture = render_png.__wrapped__(ticket.code)
            storages["tickets"].save(f"floor/{ticket.pk}-{number}.png", ContentFile(picture))
        mail.send()
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "WITH o AS (INSERT INTO floor_order (id, body) VALUES (gen_random_uuid(), %s)"
                " RETURNING id) INSERT INTO floor_item (order_id, quantity)"
                " SELECT id, n FROM o, generate_series(1, %s) n",
                [order.code, len(tickets)],
            )
    print((time.monotonic() - began) / _TIMES)  # noqa: T201 - tests/bench/line.py reads it


if __name__ == "__main__":
    main()
