"""Revoking an API token."""

import pytest

from events.api_tokens import revoke_api_token
from events.models import ApiToken
from tests.make import SOMEBODY, as_bearer, make_api_token, make_event
from ticketing import clock
from ticketing.models import Act

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_token_is_revoked_once_and_recorded_once():
    organizer = make_event().organizer
    text = make_api_token(organizer=organizer)
    token = ApiToken.objects.get()
    now = clock.now()

    acts = Act.objects.filter(type="token.revoked")

    results = [
        (revoke_api_token(token_id=token.pk, actor=SOMEBODY, now=now), acts.count())
        for _ in range(2)
    ]

    token.refresh_from_db()
    assert (results, token.revoked_at) == ([(True, 1), (False, 1)], now)
    act = acts.get()
    assert (act.subject_id, act.organizer_id, act.at) == (token.pk, organizer.pk, now)
    assert as_bearer(text).get("/orders").status_code == 401
