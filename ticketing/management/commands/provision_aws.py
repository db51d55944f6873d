"""Create the AWS resources that are missing. It is safe to run at every deployment."""

import json
from email.utils import parseaddr
from typing import Any

import boto3
from botocore.exceptions import ClientError
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

_FOURTEEN_DAYS = "1209600"
_UNSUPPORTED = {"NotImplemented", "MethodNotAllowed", "501"}


class Command(BaseCommand):
    help = (
        "Create the SQS queues with their dead-letter queues, the private S3 bucket and the SES"
        " identity of the sender, where they are missing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        missing = [name for name, url in settings.SQS_QUEUE_URLS.items() if not url]
        if missing:
            raise CommandError(f"Set the URLs of these queues: {', '.join(missing)}.")
        for url in settings.SQS_QUEUE_URLS.values():
            _ensure_queue(url.rsplit("/", 1)[-1])
        _ensure_bucket(settings.TICKETS_BUCKET)
        _ensure_sender(parseaddr(settings.DEFAULT_FROM_EMAIL)[1])
        self.stdout.write("The queues, the bucket and the sender exist.")


def _ensure_queue(name: str) -> None:
    sqs = boto3.client("sqs", region_name=settings.AWS_REGION)
    dead = _ensure_attributes(sqs, f"{name}-dead", {"MessageRetentionPeriod": _FOURTEEN_DAYS})
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])
    attributes = {
        "VisibilityTimeout": str(settings.SQS_VISIBILITY_SECONDS),
        "MessageRetentionPeriod": _FOURTEEN_DAYS,
        "RedrivePolicy": json.dumps(
            {
                "deadLetterTargetArn": arn["Attributes"]["QueueArn"],
                "maxReceiveCount": settings.SQS_MAX_RECEIVES,
            }
        ),
    }
    _ensure_attributes(sqs, name, attributes)


def _ensure_attributes(sqs: Any, name: str, attributes: dict[str, str]) -> str:
    """Return the URL of a queue with these attributes. Create it if it is missing."""
    try:
        url: str = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    except sqs.exceptions.QueueNameExists:
        # The queue exists with other attributes.
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
    return url


def _ensure_bucket(name: str) -> None:
    s3 = boto3.client("s3", region_name=settings.AWS_REGION)
    where = {"LocationConstraint": settings.AWS_REGION}
    try:
        if settings.AWS_REGION == "us-east-1":
            s3.create_bucket(Bucket=name)
        else:
            s3.create_bucket(Bucket=name, CreateBucketConfiguration=where)
    except (s3.exceptions.BucketAlreadyOwnedByYou, s3.exceptions.BucketAlreadyExists):
        # This call fails if the bucket belongs to another AWS account.
        s3.head_bucket(Bucket=name)
    try:
        s3.put_public_access_block(
            Bucket=name,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        )
    except ClientError as error:
        # A local replacement of S3 may not support this call; S3 itself does.
        if not settings.AWS_ENDPOINT_URL or error.response["Error"]["Code"] not in _UNSUPPORTED:
            raise


def _ensure_sender(address: str) -> None:
    ses = boto3.client("ses", region_name=settings.AWS_REGION)
    # If the domain is verified, each of its addresses may send.
    identities = [address, address.partition("@")[2]]
    known = ses.get_identity_verification_attributes(Identities=identities)
    states = [state["VerificationStatus"] for state in known["VerificationAttributes"].values()]
    if "Success" not in states:
        ses.verify_email_identity(EmailAddress=address)
