"""Scripts of the door's page: how it uploads many scans, explains refusals, and uses a phone."""

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.door import Organizer, Phone
from tests.browser.shop import Shop
from tests.tickets.door.make_vectors import VECTORS
from ticketing.stack.running import RunningStack
from tickets.door.answers import GATE_REFUSALS, TurnedAway
from tickets.door.batch_serializers import MOST_SCANS
from tickets.door.pages.words import words_by_language

pytestmark = pytest.mark.slow

_UPLOAD = Path(__file__).parent / "door_upload.js"
_ANSWERS = Path(__file__).parent / "door_answers.js"
_FUZZ = Path(__file__).parent / "door_fuzz.js"
_HARDWARE = Path(__file__).parent / "door_hardware.js"
# The page looks 15 times in a second, at a camera with 30. Single timers are not that exact.
_MOST_LOOKS_A_SECOND = 20


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


@pytest.mark.parametrize(
    ("gates", "advice"),
    [
        ([{"name": "Sul", "types": [1, 2]}, {"name": "VIP", "types": [2]}], "Send them to: Sul"),
        ([{"name": "VIP", "types": [2]}], "Send them to a gate for all tickets"),
        # The data of an earlier release, which a phone still has.
        (None, ""),
    ],
)
def test_a_phone_alone_sends_guests_of_another_gate_where_the_server_would(
    page: Page, gates: list[dict[str, object]] | None, advice: str
):
    assert page.evaluate(_SEND_TO_GATE, gates) == ["For another gate", advice]


def test_a_phone_refuses_damaged_codes_and_keeps_what_event_data_says(page: Page):
    vectors = json.loads(VECTORS.read_text())

    found = page.evaluate(_FUZZ.read_text(), {"vectors": vectors, "seed": 20, "rounds": 600})

    assert found == {
        "wrong": [],
        "kinds": 12,
        "stillGood": ["admitted"] * 2 * len(vectors["tickets"]),
        "differences": [],
    }


@pytest.mark.parametrize(("width", "height"), [(320, 568), (568, 320)])
def test_each_answer_fits_the_smallest_phone_upright_and_on_its_side(
    page: Page, width: int, height: int
):
    page.set_viewport_size({"width": width, "height": height})
    refusals = sorted({kind.code for kind in GATE_REFUSALS} | {"admitted", "exited"})

    shown = page.evaluate(_ANSWERS.read_text(), refusals)

    wide = [
        (language, result)
        for language, answers in shown.items()
        for result, answer in answers.items()
        if answer["width"] > width
    ]
    assert wide == []


def test_a_phone_keeps_its_screen_on_lights_vibrates_and_spares_its_battery(
    stack: RunningStack, browser: Browser
):
    event = Shop(stack).publish_event()["id"]
    organizer = Organizer(stack)
    with browser.new_context(base_url=stack.url, locale="en") as context:
        phone = Phone.with_camera(context)
        phone.page.add_init_script(path=_HARDWARE)
        phone.pair(organizer.pairing_code(organizer.make_device([event], gate="North")))
        light = phone.page.locator("#light")

        light.click()
        expect(light).to_have_text("Light off")
        light.click()
        expect(light).to_have_text("Light on")
        assert phone.scan("no ticket") == "Not one of our tickets"

        used, frames = phone.page.evaluate("[used, frames]")
    assert used["light"] == [True, False]
    assert used["awake"] >= 1
    # Long, short, long: not as for a guest who may go in.
    assert used["vibrated"] == [[180, 90, 180]]
    seconds = (frames[-1] - frames[0]) / 1000
    assert len(frames) > 1
    assert (len(frames) - 1) / seconds < _MOST_LOOKS_A_SECOND


# Decides a ticket of type 1 at a gate for type 2, and returns why it is refused and where to go.
_SEND_TO_GATE = """
async (gates) => {
  const load = (name) => import(`/static/tickets/door/${name}.js`);
  const [{ decide }, { showAnswer }] = [await load("decide"), await load("answer")];
  const event = { number: 7, gate_types: [2], types: [{ number: 1, name: "Pista" }] };
  const decision = await decide({
    code: { event: 7, type: 1, keyId: 3 },
    bundle: {
      expires_at: "2027-01-10T20:00:00Z",
      keys: [{ event: 7, key_id: 3, public_key: "" }],
      events: [gates === null ? event : { ...event, gates }],
    },
    known: null,
    verify: async () => true,
    chosenEvent: null,
    direction: "entry",
    now: Date.parse("2027-01-10T12:00:00Z"),
  });
  showAnswer({ ...decision, offline: true }, { zone: "America/Sao_Paulo" });
  return ["why", "first"].map((part) => document.getElementById(`answer-${part}`).textContent);
}
"""
