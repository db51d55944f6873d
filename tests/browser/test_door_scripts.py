"""Scripts of the door's page, each by itself: how it uploads many scans, and explains refusals."""

import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from ticketing.stack.running import RunningStack
from tickets.door.answers import GATE_REFUSALS, TurnedAway
from tickets.door.batch_serializers import MOST_SCANS
from tickets.door.pages.words import words_by_language

pytestmark = pytest.mark.slow

_UPLOAD = Path(__file__).parent / "door_upload.js"
_ANSWERS = Path(__file__).parent / "door_answers.js"


@pytest.fixture
def page(stack: RunningStack, browser: Browser) -> Iterator[Page]:
    with browser.new_context(base_url=stack.url, locale="en") as context:
        page = context.new_page()
        page.goto("/door")
        yield page


def test_ten_thousand_waiting_scans_are_uploaded_in_batches_from_the_oldest(page: Page):
    waiting = 10_000
    requests = math.ceil(waiting / MOST_SCANS)

    shown = page.evaluate(_UPLOAD.read_text(), {"waiting": waiting, "failsAt": 21})

    batches = shown["batches"]
    assert [len(batch["ids"]) for batch in batches] == [MOST_SCANS] * requests
    sent = [scan_id for batch in batches for scan_id in batch["ids"]]
    assert sent == [f"scan {place}" for place in range(waiting)]
    assert {batch["path"] for batch in batches} == {"/door/scans"}
    # What the phone noted for itself stays there.
    assert set(batches[0]["names"]) == {"scan_id", "code", "scanned_at", "direction", "decision"}
    # The network was lost after twenty batches: what was not sent waited.
    assert (shown["error"], shown["leftAfterError"]) == ("NoAnswer", waiting - 20 * MOST_SCANS)
    assert shown["told"] == list(range(waiting - MOST_SCANS, -1, -MOST_SCANS))
    assert (shown["left"], shown["conflicts"]) == (0, 1)
    assert (shown["last"]["status"], shown["last"]["inside"]) == ("used", True)


def test_each_refusal_is_explained_in_both_languages(page: Page):
    # The page reports whom it has turned away, and shows no answer to that.
    refusals = {kind.code for kind in GATE_REFUSALS} - {TurnedAway.code} | {"data_too_old"}
    words = words_by_language()

    shown = page.evaluate(_ANSWERS.read_text(), sorted(refusals))

    for language, answers in shown.items():
        said = words[language]
        assert len({answer["why"] for answer in answers.values()}) == len(refusals)
        for result, answer in answers.items():
            assert (answer["why"], answer["advice"]) == (said[result], said[f"{result}_do"])
            assert answer["tone"] in {"bad", "wait"}
            assert answer["word"]
    english, portuguese = shown["en"], shown["pt-br"]
    for result in refusals:
        assert english[result]["why"] != portuguese[result]["why"]
        assert english[result]["advice"] != portuguese[result]["advice"]
    assert english["wrong_gate"]["first"] == "Send them to: Sul"
    assert portuguese["already_used"]["first"].endswith("Norte · Ana")
    assert "20:00" in portuguese["not_yet_open"]["first"]
    assert "23:00" in portuguese["closed"]["first"]
