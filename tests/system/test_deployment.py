"""The container files, .env.example and the settings of production match the code."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import get_commands

from config.settings.sound import refuse_unsound
from ticketing.stack.checks import PRETENDED
from ticketing.stack.environment import PER_BUYER_LIMITS, RATE_LIMITS

ROOT = Path(settings.BASE_DIR)
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
EXAMPLE = (ROOT / ".env.example").read_text()
# boto3 and Django read these themselves.
READ_BY_OTHERS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "DJANGO_SETTINGS_MODULE"}


def names_read() -> set[str]:
    files = (ROOT / "config/settings").glob("*.py")
    text = "\n".join(file.read_text() for file in files if file.name != "test.py")
    return set(re.findall(r"""env(?:\.\w+)?\(\s*"([A-Z0-9_]+)""", text)) | READ_BY_OTHERS


def run(*command: str, **changes: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | PRETENDED | changes
    return subprocess.run(
        [sys.executable, "-W", "ignore", *command],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_linter_finds_nothing_in_the_dockerfile():
    hadolint = Path(sys.executable).with_name("hadolint")

    done = subprocess.run(
        [hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (0, "")


def test_the_compose_file_fits_its_schema():
    done = run(
        "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"
    )

    assert done.returncode == 0, done.stdout


def test_every_variable_is_explained_and_every_explained_one_is_read():
    explained = set(re.findall(r"^#?([A-Z0-9_]+)=", EXAMPLE, re.MULTILINE))

    assert explained == names_read()


def test_the_compose_file_sets_only_what_is_read():
    assert set(COMPOSE["x-app"]["environment"]) <= names_read()


def test_the_commands_of_the_containers_exist():
    commands = [
        service["command"]
        for service in COMPOSE["services"].values()
        if service.get("image") == "bilheteria" and "command" in service
    ]

    for command in commands:
        if command[:2] == ["python", "manage.py"]:
            assert command[2] in get_commands()
        else:
            assert command[:3] == ["celery", "-A", "config"]
    queues = [command[command.index("-Q") + 1] for command in commands if "-Q" in command]
    assert sorted(",".join(queues).split(",")) == sorted(settings.SQS_QUEUE_URLS)
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "config.wsgi:application" in dockerfile
    assert settings.WSGI_APPLICATION == "config.wsgi.application"


FOR_BROWSERS = {"PUBLIC_URL", "AWS_S3_PUBLIC_ENDPOINT_URL"}


def addresses_for_containers() -> dict[str, Any]:
    found = {
        name: urlsplit(value)
        for name, value in COMPOSE["x-app"]["environment"].items()
        if "://" in value and name not in FOR_BROWSERS
    }
    assert {"DATABASE_URL", "REDIS_URL", "AWS_ENDPOINT_URL"} < found.keys()
    return found


def test_containers_reach_each_other_by_the_names_of_services():
    """Celery talks to SQS with curl, which resolves every `*.localhost` to the container itself."""
    for name, address in addresses_for_containers().items():
        assert address.hostname in COMPOSE["services"], name


def test_the_local_aws_has_the_host_name_that_containers_use():
    """In another host name it would take the first part for the name of an S3 bucket."""
    endpoint = addresses_for_containers()["AWS_ENDPOINT_URL"]
    aws = COMPOSE["services"]["aws"]["environment"]

    assert aws["MINISTACK_HOST"] == endpoint.hostname
    assert aws["GATEWAY_PORT"] == str(endpoint.port)
    for name, address in addresses_for_containers().items():
        if name.startswith("SQS_"):
            assert address.netloc == endpoint.netloc, name


def test_links_to_qr_codes_lead_to_a_published_port():
    link = urlsplit(COMPOSE["x-app"]["environment"]["AWS_S3_PUBLIC_ENDPOINT_URL"])
    gateway = COMPOSE["services"]["aws"]["environment"]["GATEWAY_PORT"]

    assert link.hostname == "localhost"
    assert COMPOSE["services"]["aws"]["ports"] == [f"127.0.0.1:{link.port}:{gateway}"]


def test_links_are_signed_for_the_public_address_and_codes_are_stored_at_the_internal_one():
    program = """
import django
django.setup()
from django.conf import settings
from django.core.files.storage import storages
print(storages["tickets"].endpoint_url, storages["ticket_links"].url("codes/x.png"),
    *settings.TICKETS_ORIGINS)
"""
    keys = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "TICKETS_BUCKET": "ours"}
    inner, outer = "http://aws:4566", "https://files.example.com"

    both = run(
        "-c", program, AWS_ENDPOINT_URL=inner, AWS_S3_PUBLIC_ENDPOINT_URL=outer, **keys
    ).stdout.split()
    real = run("-c", program, **keys).stdout.split()

    assert (both[0], both[2:]) == (inner, [outer])
    assert both[1].startswith(f"{outer}/ours/codes/x.png?")
    assert real[0] == "None"
    assert [origin for origin in real[2:] if real[1].startswith(f"{origin}/codes/x.png?")]


def test_every_container_that_stays_has_a_healthcheck_and_every_port_is_on_loopback():
    for name, service in COMPOSE["services"].items():
        stays = service.get("restart") == "unless-stopped"
        from_image = name == "web"
        assert not stays or from_image or "healthcheck" in service, name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name


@pytest.mark.parametrize("name", ["SECRET_KEY", "TICKET_SIGNING_SECRET"])
@pytest.mark.parametrize(
    "value", ["", "change-me", "short", "a" * 64, "example-secret-key-for-docker-compose-only"]
)
def test_production_does_not_start_on_a_missing_weak_or_example_secret(name: str, value: str):
    done = run("manage.py", "check", **{name: value})

    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", ""),
        ("REDIS_URL", ""),
        ("ALLOWED_HOSTS", ""),
        ("MAIL_FROM", ""),
        ("PAYMENT_GATEWAY", " "),
        ("TRUSTED_PROXY_HOPS", " "),
    ],
)
def test_production_does_not_start_without_a_variable_that_has_no_safe_default(
    name: str, value: str
):
    done = run("manage.py", "check", **{name: value})

    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]


def test_production_does_not_start_with_a_mailbox_or_with_one_secret_for_two_purposes():
    assert run("manage.py", "check", MAILBOX_DIR="somewhere").returncode != 0
    same = PRETENDED["SECRET_KEY"]
    assert run("manage.py", "check", TICKET_SIGNING_SECRET=same).returncode != 0


@pytest.mark.parametrize("allowed", ["", "false"])
def test_production_does_not_start_with_the_simulated_gateway_unless_it_is_allowed(allowed: str):
    done = run("manage.py", "check", ALLOW_SIMULATED_PAYMENTS=allowed)

    assert done.returncode != 0
    assert "ALLOW_SIMULATED_PAYMENTS" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(("shown", "code"), [("", 0), ("true", 1)])
def test_the_check_of_a_deployment_warns_of_a_shop_in_which_nobody_pays(shown: str, code: int):
    check = ("manage.py", "check", "--deploy", "--tag", "security", "--fail-level", "WARNING")

    done = run(*check, SHOW_TEST_PAYMENTS=shown)

    assert done.returncode == code, done.stderr
    assert ("orders.W001" in done.stderr) == bool(shown)


def test_settings_derived_from_production_do_not_start_with_the_simulated_gateway_either(
    tmp_path: Path,
):
    lines = [
        "from config.settings.production import *",
        "PAYMENT_GATEWAY = 'orders.gateway.SimulatedGateway'",
    ]
    (tmp_path / "derived.py").write_text("\n".join(lines))

    done = run(
        "-c",
        "import config.wsgi",
        DJANGO_SETTINGS_MODULE="derived",
        PYTHONPATH=str(tmp_path),
        PAYMENT_GATEWAY="shop.Gateway",
        ALLOW_SIMULATED_PAYMENTS="",
    )

    assert done.returncode != 0
    assert "ALLOW_SIMULATED_PAYMENTS" in done.stderr.splitlines()[-1]


def test_a_gateway_that_does_not_exist_stops_the_start():
    done = run("manage.py", "check", PAYMENT_GATEWAY=" orders.gateway.SimulatedGateway")

    assert done.returncode != 0
    assert "PAYMENT_GATEWAY" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("module", ["config.wsgi", "config.celery"])
def test_a_process_without_a_settings_variable_uses_those_of_production(module: str):
    program = f"""
import os
del os.environ["DJANGO_SETTINGS_MODULE"]
import {module}
from django.conf import settings
print(settings.SETTINGS_MODULE)
"""

    done = run("-c", program)

    assert done.stdout.strip() == "config.settings.production"


@pytest.mark.parametrize(
    ("name", "value"),
    [("DEMO_ADMIN_PASSWORD", "x"), ("DEMO_API_TOKEN", " "), ("DEMO_OF_TOMORROW", "1")],
)
def test_production_does_not_start_with_a_variable_of_the_demo(name: str, value: str):
    done = run("manage.py", "check", **{name: value})

    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RATE_LIMIT_READ", "600"),
        ("RATE_LIMIT_SIGNIN", "many"),
        ("TRUSTED_PROXY_HOPS", "-1"),
        ("SIGN_IN_FAILURES", "0"),
        ("SIGN_IN_LOCK_MINUTES", "0"),
        ("TICKETS_PER_CUSTOMER", "-1"),
        ("TICKETS_PER_ADDRESS", "-5"),
        ("HELD_PERCENT_PER_ADDRESS", "-1"),
        ("PROOF_OF_WORK_COST", "0"),
        ("HELD_PERCENT_PER_ADDRESS", "101"),
        ("MAILS_PER_RECIPIENT_PER_HOUR", "-1"),
    ],
)
def test_production_does_not_start_with_an_invalid_limit(name: str, value: str):
    done = run("manage.py", "check", **{name: value})

    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]


SOUND = {
    "PUBLIC_URL": "https://tickets.test",
    "CELERY_TASK_TIME_LIMIT": 50,
    "SQS_VISIBILITY_SECONDS": 60,
    "SQS_BACKOFF_SECONDS": {1: 0, 2: 5},
    "ASK_AGAIN_SECONDS": 1,
    "SQS_QUEUE_URLS": {"sale": "https://sqs.test/sale", "refunds": "https://sqs.test/refunds"},
    "WEBHOOK_ALLOWED_NETWORKS": ["10.1.2.0/24"],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "tickets.test"),
        ("PUBLIC_URL", "https://tickets.test/"),
        ("PUBLIC_URL", "https://tickets.test/shop"),
        ("SQS_VISIBILITY_SECONDS", 50),
        ("SQS_BACKOFF_SECONDS", {}),
        ("SQS_BACKOFF_SECONDS", {1: 1, 2: -1}),
        ("ASK_AGAIN_SECONDS", 0),
        ("WEBHOOK_ALLOWED_NETWORKS", ["10.1.2.3/24"]),
    ],
)
def test_settings_that_would_lose_messages_or_mail_dead_links_are_refused(name: str, value: Any):
    refuse_unsound(SOUND)

    with pytest.raises(ImproperlyConfigured, match=name):
        refuse_unsound({**SOUND, name: value})


def test_two_queues_with_one_url_are_refused():
    urls = dict.fromkeys(("sale", "refunds"), "https://sqs.test/sale")

    with pytest.raises(ImproperlyConfigured, match="SQS_SALE_QUEUE_URL"):
        refuse_unsound({**SOUND, "SQS_QUEUE_URLS": urls})


def test_production_does_not_start_with_unsound_settings():
    done = run("manage.py", "check", SQS_VISIBILITY_SECONDS="30")

    assert done.returncode != 0
    assert "SQS_VISIBILITY_SECONDS" in done.stderr.splitlines()[-1]


def test_each_web_process_of_production_can_be_watched_over_plain_http():
    program = """
import django
django.setup()
from django.test import Client
for path in ("/healthz", "/metrics", "/events"):
    print(Client().get(path, headers={"host": "10.0.3.7:8000"}).status_code)
"""

    # No token is set, so the metrics are not found; but they are not redirected to another process.
    assert run("-c", program).stdout.split() == ["200", "404", "400"]


def test_production_limits_every_kind_of_request_by_default():
    program = "from django.conf import settings; print(*settings.RATE_LIMITS.values(), sep='|')"

    limits = run("-c", program).stdout.strip().split("|")

    assert [bool(limit) for limit in limits] == [True] * len(RATE_LIMITS)


@pytest.mark.parametrize("name", PER_BUYER_LIMITS)
def test_production_limits_each_customer_address_and_recipient_by_default(name: str):
    program = f"from django.conf import settings; print(settings.{name})"

    assert int(run("-c", program).stdout) > 0


def test_production_forces_https_on_no_other_domain_by_default():
    names = ("SECURE_HSTS_INCLUDE_SUBDOMAINS", "SECURE_HSTS_PRELOAD")
    program = f"from django.conf import settings; print(*[getattr(settings, n) for n in {names}])"

    assert run("-c", program).stdout.split() == ["False", "False"]
    assert run("-c", program, **dict.fromkeys(names, "true")).stdout.split() == ["True", "True"]


def test_the_settings_of_production_pass_djangos_deployment_checks():
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING")

    assert done.returncode == 0, done.stderr


def test_the_policies_allow_what_the_code_calls():
    """The IAM actions that kombu, django-storages, django-ses and our own code need."""
    needed = {
        "iam-policy.json": {
            "sqs:SendMessage",
            "sqs:ReceiveMessage",
            "sqs:DeleteMessage",
            "sqs:ChangeMessageVisibility",
            "sqs:GetQueueAttributes",
            "s3:PutObject",
            "s3:GetObject",
            "s3:DeleteObject",
            "s3:AbortMultipartUpload",
            "s3:ListBucket",
            "ses:SendRawEmail",
        },
        "iam-policy-setup.json": {
            "sqs:CreateQueue",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:SetQueueAttributes",
            "s3:CreateBucket",
            "s3:ListBucket",
            "s3:PutBucketPublicAccessBlock",
            "ses:GetIdentityVerificationAttributes",
            "ses:VerifyEmailIdentity",
        },
    }
    for file, actions in needed.items():
        policy = json.loads((ROOT / "docs" / file).read_text())
        allowed = {action for rule in policy["Statement"] for action in rule["Action"]}
        assert allowed == actions
