"""Creating a webhook endpoint."""

from collections.abc import Callable
from datetime import datetime

from django.db import IntegrityError, transaction

from ticketing.actors import Actor, record_act
from ticketing.models import ActType
from tickets.webhooks.models import WebhookEndpoint
from tickets.webhooks.sending import TooManyWebhooks, refuse_too_many_webhooks


@transaction.atomic(durable=True)
def create_webhook(
    *,
    endpoint: WebhookEndpoint,
    actor: Actor,
    now: datetime,
    store_response: Callable[[WebhookEndpoint], None] = lambda _endpoint: None,
) -> None:
    """
    Store a new endpoint. `store_response` stores the response in the same transaction.

    :raises TooManyWebhooks: if its organizer has the most endpoints that one may have
    """
    refuse_too_many_webhooks(organizer_id=endpoint.organizer_id)
    try:
        with transaction.atomic():
            endpoint.save(force_insert=True)
    except IntegrityError as error:
        # A concurrent request created another endpoint after the check above. The trigger
        # `cap_webhooks` has refused this one.
        raise TooManyWebhooks(
            "Another webhook was created at the same time, and the organizer has no room for more."
            " Delete one that is not used."
        ) from error
    record_act(
        act=ActType.WEBHOOK_CREATED,
        actor=actor,
        subject_id=endpoint.pk,
        organizer_id=endpoint.organizer_id,
        at=now,
    )
    store_response(endpoint)
