"""The settings of secrets and signing keys: which ones are accepted, and how they are read."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from environ import Env

from config.settings.keys import check_secrets, read_ticket_keys, read_webhook_keys

DJANGO = "kV8-tQ2xZ_r5Lm9Wc4Yp7Nd1Hs6Jf3Gb0Aa-uEiOoXyTzR4qWe8u"
SHARED = "pB3_wK7nD-q1Vt5Zx9Rm2Hc8Lf4Jy6Sg0Ee-aUoIiNkMsW"
SECRET = "qW7_rT2yU-i5Oo9Pp3Aa6Ss1Dd4Ff8Gg0Hh-jKlZxCv"
ANOTHER = "mN4_bV8cX-z1Ll6Kk0Jj3Hh7Gg2Ff5Dd9Ss-aPoIuYt"


def environment(**changes: str) -> Env:
    env = Env()
    env.ENVIRON = {"SECRET_KEY": DJANGO, "TICKET_SIGNING_SECRET": SHARED, **changes}
    return env


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", "short"),
        ("SECRET_KEY_FALLBACKS", "short"),
        ("SECRET_KEY_FALLBACKS", DJANGO),
        ("TICKET_SIGNING_SECRET", DJANGO),
        ("TICKET_SIGNING_SECRET", "a" * 64),
        ("TICKET_SIGNING_KEYS", "1:short"),
        ("TICKET_SIGNING_KEYS", f"1:change-me-{SECRET}"),
        ("TICKET_SIGNING_KEYS", f"1:{DJANGO}"),
        ("TICKET_SIGNING_KEYS", f"2:{SECRET},1:{SECRET}"),
        ("WEBHOOK_SIGNING_KEYS", "1:short"),
        ("WEBHOOK_SIGNING_KEYS", f"1:{SHARED}"),
        ("WEBHOOK_SIGNING_KEYS", f"1:{DJANGO}"),
    ],
)
def test_production_refuses_a_secret_that_is_weak_or_used_twice(name: str, value: str):
    with pytest.raises(ImproperlyConfigured, match=name) as refused:
        check_secrets(environment(**{name: value}))

    assert not any(secret in str(refused.value) for secret in (DJANGO, SHARED, SECRET))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"TICKET_SIGNING_KEYS": SECRET}, "entry 1 is not like 2:secret"),
        ({"TICKET_SIGNING_KEYS": f"2:{SECRET},two:{ANOTHER}"}, "entry 2 is not like 2:secret"),
        ({"TICKET_SIGNING_KEYS": f"2:{SECRET},1:"}, "entry 2 is not like 2:secret"),
        ({"TICKET_SIGNING_KEYS": f"2:{SECRET},"}, "entry 2 is not like 2:secret"),
        ({"TICKET_SIGNING_KEYS": f"256:{SECRET}"}, "use ids from 0 to 255"),
        ({"TICKET_SIGNING_KEYS": f"2:{SECRET},2:{ANOTHER}"}, "has the id 2 twice"),
        ({"TICKET_SIGNING_KEYS": f"1:{SECRET}", "TICKET_SIGNING_KEY_IDS": "1"}, "Unset"),
        ({"TICKET_SIGNING_KEY_IDS": "1,1"}, "has the id 1 twice"),
        ({"TICKET_SIGNING_KEY_IDS": "256"}, "use ids from 0 to 255"),
        ({"TICKET_SIGNING_KEY_IDS": "one"}, "entry 1 is not like"),
        ({"TICKET_SIGNING_SECRET": ""}, "Set TICKET_SIGNING_KEYS, or TICKET_SIGNING_SECRET"),
    ],
)
def test_ticket_keys_that_cannot_be_read_are_refused_at_the_start(
    changes: dict[str, str], words: str
):
    with pytest.raises(ImproperlyConfigured, match=words) as refused:
        read_ticket_keys(environment(**changes))

    assert not any(secret in str(refused.value) for secret in (SHARED, SECRET, ANOTHER))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"WEBHOOK_SIGNING_KEYS": f"0:{SECRET}"}, "use ids from 1 to 255"),
        ({"WEBHOOK_SIGNING_KEYS": SECRET}, "entry 1 is not like 2:secret"),
        ({"TICKET_SIGNING_SECRET": "", "WEBHOOK_SIGNING_KEYS": ""}, "Set WEBHOOK_SIGNING_KEYS"),
    ],
)
def test_webhook_keys_that_cannot_be_read_are_refused_at_the_start(
    changes: dict[str, str], words: str
):
    with pytest.raises(ImproperlyConfigured, match=words):
        read_webhook_keys(environment(**changes))


def test_the_environment_of_the_previous_release_gives_the_same_keys():
    env = environment()
    check_secrets(env)

    assert read_ticket_keys(env) == {1: SHARED}
    assert read_webhook_keys(env) == {0: SHARED}
    two = read_ticket_keys(environment(TICKET_SIGNING_KEY_IDS="2,1"))
    assert list(two.items()) == [(2, SHARED), (1, SHARED)]


def test_each_step_of_a_rotation_is_accepted_and_the_first_key_signs():
    both = f"2:{SECRET}, 1:{SHARED}"
    env = environment(
        TICKET_SIGNING_KEYS=f"1:{SHARED},2:{SECRET}", SECRET_KEY_FALLBACKS=ANOTHER * 2
    )
    check_secrets(env)
    assert list(read_ticket_keys(env)) == [1, 2]

    # In the previous release, all ids shared one secret.
    check_secrets(environment(TICKET_SIGNING_KEYS=f"3:{SECRET},2:{SHARED},1:{SHARED}"))

    env = environment(TICKET_SIGNING_KEYS=both, WEBHOOK_SIGNING_KEYS=f"1:{ANOTHER}")
    check_secrets(env)
    assert list(read_ticket_keys(env).items()) == [(2, SECRET), (1, SHARED)]
    assert list(read_webhook_keys(env).items()) == [(1, ANOTHER), (0, SHARED)]

    env = environment(
        TICKET_SIGNING_SECRET="",
        TICKET_SIGNING_KEYS=f"2:{SECRET}",
        WEBHOOK_SIGNING_KEYS=f"1:{ANOTHER}",
    )
    check_secrets(env)
    assert read_ticket_keys(env) == {2: SECRET}
    assert read_webhook_keys(env) == {1: ANOTHER}
