"""The record of the links that buyers have opened."""

from datetime import timedelta

import pytest

from orders.models import LinkOpening
from orders.openings import note_opening
from tests.make import make_reserved_order
from tests.moments import NOON
from ticketing.tokens import digest_token

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_first_opening_of_each_link_is_recorded():
    first, second = make_reserved_order(), make_reserved_order()

    for hours, order, token in ((0, first, "lnk_a"), (1, first, "lnk_a"), (2, first, "lnk_b")):
        note_opening(order=order, token=token, now=NOON + timedelta(hours=hours))
    note_opening(order=second, token="lnk_c", now=NOON)

    assert set(LinkOpening.objects.values_list("order", "digest", "opened_at")) == {
        (first.pk, digest_token("lnk_a"), NOON),
        (first.pk, digest_token("lnk_b"), NOON + timedelta(hours=2)),
        (second.pk, digest_token("lnk_c"), NOON),
    }
