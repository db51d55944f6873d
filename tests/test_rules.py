"""Rules of the code that no linter can check."""

import re
from importlib import import_module
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from celery import current_app
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db.models import signals  # noqa: TID251 - to check that nothing uses them
from django.utils import translation

from events.admin.refusals import SENTENCES, say_refusal
from ticketing.api.problems import FRAMEWORK_CODES, STATUS_BY_KIND
from ticketing.errors import Invalid, Refusal
from ticketing.queue.messages import QUEUES, Message

APPS = ("ticketing", "events", "orders", "tickets")
ROOT = Path(settings.BASE_DIR)


def refusals(kind: type[Refusal]) -> list[type[Refusal]]:
    return [leaf for inner in kind.__subclasses__() for leaf in [inner, *refusals(inner)]]


def test_every_message_has_a_task_and_a_queue():
    current_app.loader.import_default_modules()

    assert {message.value for message in Message} <= set(current_app.tasks)
    assert set(QUEUES) == set(Message)


def test_a_message_goes_to_one_queue_and_no_other():
    bindings = [(q.exchange.name, q.routing_key, q.name) for q in settings.CELERY_TASK_QUEUES]

    assert bindings == [(name, name, name) for name in settings.SQS_QUEUE_URLS]


def test_every_task_is_started_by_a_message_or_by_beat_and_not_by_both():
    current_app.loader.import_default_modules()
    ours = {name for name in current_app.tasks if name.partition(".")[0] in APPS}

    assert set(settings.CELERY_BEAT_SCHEDULE) == ours - {message.value for message in Message}


def test_every_refusal_has_a_code_and_a_title_and_one_kind():
    for kind in STATUS_BY_KIND:
        for refusal in refusals(kind):
            if "code" in vars(refusal):
                assert re.fullmatch(r"[a-z_]+", refusal.code)
                assert refusal.title == refusal.title.strip(" .")
            assert sum(issubclass(refusal, each) for each in STATUS_BY_KIND) == 1


def test_every_problem_code_is_explained_in_the_docs():
    # All kinds of Invalid share one code. Their own codes are in `errors`.
    kinds = [kind for kind in STATUS_BY_KIND if kind is not Invalid]
    leaves = [refusal for kind in kinds for refusal in refusals(kind)]
    codes = {leaf.code for leaf in leaves if "code" in vars(leaf)}
    explained = re.findall(
        r"^### `([a-z_]+)`", (ROOT / "docs/problems.md").read_text(), re.MULTILINE
    )

    assert sorted(explained) == sorted(codes | FRAMEWORK_CODES)


# Refusals that only callers of the API and scanners meet. The admin never shows them.
ONLY_IN_THE_API = {
    "access_token_lost",
    "already_used",
    "answer_missing",
    "answer_not_valid",
    "answers_closed",
    "closed",
    "confirmation_not_valid",
    "details_missing",
    "event_cancelled",
    "idempotency_key_in_use",
    "idempotency_key_reused",
    "insufficient_scope",
    "invalid_code",
    "invalid_idempotency_key",
    "invalid_if_match",
    "invalid_token",
    "no_pix_requested",
    "not_authenticated",
    "not_inside",
    "not_ready",
    "not_yet_open",
    "notification_not_authentic",
    "organizer_not_found",
    "pairing_not_valid",
    "party_changed",
    "payment_not_accepted",
    "permission_denied",
    "pix_not_offered",
    "pix_too_late",
    "precondition_failed",
    "promo_code_expired",
    "promo_code_needs_other_quantity",
    "promo_code_not_applicable",
    "promo_code_not_started",
    "promo_code_used_up",
    "proof_of_work_invalid",
    "proof_of_work_needed",
    "required",
    "revoked",
    "scan_id_reused",
    "second_factor_required",
    "several_ticket_types",
    "terms_not_accepted",
    "ticket_type_needed",
    "too_many_wrong_codes",
    "turned_away",
    "unknown_place",
    "unknown_promo_code",
    "unknown_ticket",
    "weak_idempotency_key",
    "wrong_event",
    "wrong_gate",
}


def test_every_refusal_has_a_sentence_for_the_admin_or_is_known_to_be_of_the_api():
    for folder in APPS:
        for path in (ROOT / folder).rglob("*.py"):
            if "    code = " in path.read_text():
                import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    leaves = [leaf for leaf in refusals(Refusal) if leaf.__module__.partition(".")[0] in APPS]
    codes = {leaf.code for leaf in leaves if "code" in vars(leaf)}

    assert codes == set(SENTENCES) | ONLY_IN_THE_API
    assert not set(SENTENCES) & ONLY_IN_THE_API


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_the_admin_shows_a_refusal_in_portuguese(code: str):
    class Refused(Refusal):
        pass

    Refused.code = code

    with translation.override("pt-br"):
        portuguese = say_refusal(Refused("in English"))
    with translation.override("en"):
        english = say_refusal(Refused("in English"))

    assert portuguese not in ("in English", english)


def test_nothing_listens_to_model_signals():
    ours = [each for each in apps.get_app_configs() if each.name.partition(".")[0] in APPS]
    listened = [
        (model.__name__, name)
        for config in ours
        for model in config.get_models()
        for name in ("pre_save", "post_save", "pre_delete", "post_delete")
        if getattr(signals, name).has_listeners(model)
    ]

    assert listened == []


def test_every_text_has_a_translation_with_the_same_placeholders():
    with (ROOT / "locale/pt_BR/LC_MESSAGES/django.po").open("rb") as file:
        catalogue = read_po(file)

    for message in catalogue:
        if not message.id:
            continue
        sources = message.id if isinstance(message.id, tuple) else (message.id,)
        targets = message.string if isinstance(message.string, tuple) else (message.string,)
        assert all(targets), sources
        assert not message.fuzzy, sources
        # Singular and plural are compared separately: a singular may leave out the number.
        assert _placeholders(targets[0]) == _placeholders(sources[0]), sources
        assert _placeholders(targets[-1]) == _placeholders(sources[-1]), sources


@pytest.mark.parametrize("lazy", ["(s)", "(es)", "(is)", "(a)"])
def test_no_text_leaves_the_plural_to_its_reader(lazy: str):
    assert lazy not in (ROOT / "locale/pt_BR/LC_MESSAGES/django.po").read_text()


def _placeholders(text: object) -> set[str]:
    return set(re.findall(r"%\(\w+\)[sd]", str(text)))


@pytest.mark.parametrize("word", ["TODO", "FIXME", "XXX"])
def test_no_comment_postpones_work(word: str):
    found = [
        path
        for folder in (*APPS, "config")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(rf"#.*\b{word}\b", path.read_text())
    ]

    assert found == []


def test_the_migrations_of_each_app_are_linear():
    call_command("check")
