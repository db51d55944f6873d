"""Readiness and metrics show operators' tools the work that waits."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from django.conf import settings as django_settings
from django.test import override_settings
from moto import mock_aws
from prometheus_client.parser import text_string_to_metric_families
from rest_framework.test import APIClient

from orders.models import Order
from tests.make import SOMEBODY, make_paid_order, make_processing_order
from tests.queue import RecordingQueue
from tests.sqs import write_message
from ticketing import clock
from ticketing.aws import aws_client
from ticketing.models import FailedMessage
from ticketing.queue.dead_letters import collect_dead_letters, send_again
from tickets.models import Delivery
from tickets.operations.backlog import count_mails_given_up, measure_queues
from tickets.refund import refund_order

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def aws() -> Iterator[Any]:
    aws_client.cache_clear()
    with mock_aws():
        sqs = boto3.client("sqs", region_name=django_settings.AWS_REGION)
        for url in django_settings.SQS_QUEUE_URLS.values():
            for name in (url.rsplit("/", 1)[-1], f"{url.rsplit('/', 1)[-1]}-dead"):
                sqs.create_queue(QueueName=name)
        boto3.client("s3", region_name="us-east-1").create_bucket(
            Bucket=django_settings.TICKETS_BUCKET
        )
        yield sqs
    aws_client.cache_clear()


PROMETHEUS = {"authorization": "Bearer a-token-of-prometheus"}


def make_old_work() -> None:
    now = clock.now()
    make_processing_order()
    Order.objects.update(processing_at=now - timedelta(seconds=90))
    make_paid_order()
    Delivery.objects.update(asked_at=now - timedelta(seconds=300))


@override_settings(METRICS_TOKEN="a-token-of-prometheus")
def test_readiness_shows_the_depth_of_the_queues_and_the_age_of_the_oldest_work(
    api: APIClient, aws: Any
):
    make_old_work()
    aws.send_message(QueueUrl=django_settings.SQS_QUEUE_URLS["sale"], MessageBody="x")
    aws.send_message(QueueUrl=f"{django_settings.SQS_QUEUE_URLS['delivery']}-dead", MessageBody="x")

    backlog = api.get("/readyz", headers=PROMETHEUS).json()["backlog"]

    assert backlog["queues"]["sale"] == {"waiting": 1, "in_hand": 0, "delayed": 0, "dead": 0}
    assert backlog["queues"]["delivery"]["dead"] == 1
    assert backlog["oldest_processing_seconds"] == pytest.approx(90, abs=10)
    assert backlog["oldest_message_seconds"] == pytest.approx(300, abs=10)


@override_settings(METRICS_TOKEN="a-token-of-prometheus")
def test_readiness_shows_no_age_if_no_work_waits(api: APIClient):
    backlog = api.get("/readyz", headers=PROMETHEUS).json()["backlog"]

    assert backlog["oldest_processing_seconds"] is None
    assert backlog["oldest_message_seconds"] is None


@pytest.mark.parametrize("token", ["", "a-token-of-prometheus"])
@pytest.mark.parametrize("shown", ["", "Bearer ", "Bearer wrong"])
def test_without_the_token_readiness_shows_only_the_status(api: APIClient, token: str, shown: str):
    with override_settings(METRICS_TOKEN=token):
        response = api.get("/readyz", headers={"authorization": shown} if shown else {})

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@override_settings(METRICS_TOKEN="a-token-of-prometheus")
def test_metrics_show_the_same_work_and_the_sales(api: APIClient):
    make_old_work()

    page = api.get("/metrics", headers={"authorization": "Bearer a-token-of-prometheus"})

    families = text_string_to_metric_families(page.content.decode())
    found = {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }
    assert found["bilheteria_queue_messages", "sale", "waiting"] == 0
    assert found["bilheteria_stock_drifts_total",] == 0
    assert found["bilheteria_sales_total",] == 1
    assert found["bilheteria_tickets", "sold"] == 1
    assert found["bilheteria_tickets", "promised"] == 2
    oldest = found["bilheteria_oldest_work_seconds", "order_processing"]
    assert oldest == pytest.approx(90, abs=10)
    assert found["bilheteria_webhook_lag_seconds",] == 0


@pytest.mark.parametrize("token", ["", "a-token-of-prometheus"])
@pytest.mark.parametrize("shown", ["", "Bearer ", "Bearer wrong", "Bearer a-token-of-prometheus"])
def test_metrics_are_not_found_without_the_token(api: APIClient, token: str, shown: str):
    with override_settings(METRICS_TOKEN=token):
        status = api.get("/metrics", headers={"authorization": shown} if shown else {}).status_code

    assert (status == 200) == bool(token and shown == f"Bearer {token}")
    assert status in (200, 404)


def test_a_message_that_was_given_up_counts_as_dead_until_staff_send_it_again(aws: Any):
    body = write_message("tickets.settle_order", order_id="0196")
    aws.send_message(QueueUrl=f"{django_settings.SQS_QUEUE_URLS['sale']}-dead", MessageBody=body)
    in_its_queue = measure_queues()["sale"].dead

    collect_dead_letters(now=clock.now())
    collected = measure_queues()
    send_again(failed=FailedMessage.objects.get(), actor=SOMEBODY, now=clock.now())

    assert (in_its_queue, collected["sale"].dead, collected["delivery"].dead) == (1, 1, 0)
    assert measure_queues()["sale"].dead == 0


def test_the_tickets_mail_of_a_refunded_order_needs_nobody_any_more(queue: RecordingQueue):
    order = make_paid_order()
    Delivery.objects.update(failed_at=clock.now(), failure="550 No such user")
    given_up = count_mails_given_up()

    refund_order(order_id=order.pk, actor=SOMEBODY, now=clock.now())

    assert (given_up, count_mails_given_up()) == (1, 0)
