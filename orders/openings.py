"""Record that the buyer has opened the link to an order in a mail, once for each address."""

from datetime import datetime

from orders.models import LinkOpening, Order
from ticketing.tokens import digest_token


def note_opening(*, order: Order, token: str, now: datetime) -> None:
    """Record the first opening of a mailed link by its token. A repeat changes nothing."""
    opening = LinkOpening(order=order, digest=digest_token(token), opened_at=now)
    LinkOpening.objects.bulk_create([opening], ignore_conflicts=True)
