"""Gates of an event that admit some ticket types: changed by the API, copied, and on record."""

from datetime import timedelta
from typing import Any

import pytest

from events.cloning import clone_event
from events.gates import GateNamedTwice, GateRule, TooManyGates, change_gates, gates_of
from events.models import Event, EventStatus, Gate, TicketType
from events.organizing import cancel_event, change_event
from events.ticket_types import OnlyTypeOfGate, UnknownTypeOfEvent
from tests.make import SOMEBODY, as_organizer, make_event, make_ticket_type
from ticketing import clock
from ticketing.models import Act

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def event() -> Event:
    event = make_event()
    make_ticket_type(event=event, name="Camarote")
    return event


def kinds_of(event: Event) -> list[TicketType]:
    return list(event.ticket_types.order_by("number"))


def change(event: Event, *rules: GateRule) -> None:
    change_gates(event_id=event.pk, rules=rules, actor=SOMEBODY, now=clock.now())


def drop(event: Event, *kinds: TicketType) -> None:
    change_event(
        event_id=event.pk,
        fields={},
        ticket_types=[],
        dropped=[kind.pk for kind in kinds],
        actor=SOMEBODY,
        now=clock.now(),
    )


def shown(event: Event) -> list[tuple[str, list[str]]]:
    return [
        (gate.name, [kind.name for kind in gate.ticket_types.all()]) for gate in gates_of(event.pk)
    ]


def test_the_rules_replace_those_before_and_keep_the_row_of_a_name(event: Event):
    pista, camarote = kinds_of(event)
    change(event, GateRule("VIP", [camarote.pk]), GateRule("Sul", [pista.pk]))
    vip = Gate.objects.get(name="VIP")

    change(event, GateRule("Vip", [camarote.pk, pista.pk]))

    assert shown(event) == [("Vip", ["Pista", "Camarote"])]
    assert Gate.objects.get() == vip


def test_a_change_is_on_record_with_its_gate_and_no_change_is_not(event: Event):
    _pista, camarote = kinds_of(event)

    for _ in range(2):
        change(event, GateRule("VIP", [camarote.pk]))

    act = Act.objects.get(type="event.changed")
    assert act.details["changes"] == [{"field": "gate", "of": "VIP", "from": "", "to": "Camarote"}]


def test_rules_that_do_not_fit_change_nothing(event: Event):
    _pista, camarote = kinds_of(event)
    change(event, GateRule("VIP", [camarote.pk]))
    stranger = make_ticket_type()

    for rules, refusal in [
        ([GateRule("Sul", [camarote.pk]), GateRule("SUL", [camarote.pk])], GateNamedTwice),
        ([GateRule("Sul", [stranger.pk])], UnknownTypeOfEvent),
        ([GateRule(f"G{number}", [camarote.pk]) for number in range(51)], TooManyGates),
    ]:
        with pytest.raises(refusal):
            change(event, *rules)

    assert shown(event) == [("VIP", ["Camarote"])]
    change(event, *(GateRule(f"G{number}", [camarote.pk]) for number in range(50)))
    assert len(shown(event)) == 50


def test_the_only_type_of_a_gate_is_dropped_after_the_gate_admits_another(event: Event):
    pista, camarote = kinds_of(event)
    camarote_only = GateRule("VIP", [camarote.pk])
    change(event, GateRule("Sul", [pista.pk, camarote.pk]), camarote_only)
    vip = make_ticket_type(event=event, name="VIP")

    with pytest.raises(OnlyTypeOfGate, match="gate VIP admits only Camarote"):
        drop(event, camarote)
    assert shown(event) == [("Sul", ["Pista", "Camarote"]), ("VIP", ["Camarote"])]
    change(event, GateRule("Sul", [pista.pk, camarote.pk]), GateRule("VIP", [vip.pk]))
    drop(event, camarote)

    assert shown(event) == [("Sul", ["Pista"]), ("VIP", ["VIP"])]


def test_all_types_of_a_gate_are_not_dropped_together(event: Event):
    pista, camarote = kinds_of(event)
    vip = make_ticket_type(event=event, name="VIP")
    change(event, GateRule("VIP", [camarote.pk, vip.pk]))

    with pytest.raises(OnlyTypeOfGate):
        drop(event, camarote, vip)

    assert kinds_of(event) == [pista, camarote, vip]
    assert shown(event) == [("VIP", ["Camarote", "VIP"])]


def test_a_copy_of_an_event_has_its_gates_and_its_rules(event: Event):
    _pista, camarote = kinds_of(event)
    change(event, GateRule("VIP", [camarote.pk]))
    Event.objects.filter(pk=event.pk).update(reentry="always", confirm_first=True)

    copy = clone_event(
        event_id=event.pk,
        name="Outra noite",
        starts_at=event.starts_at + timedelta(days=7),
        actor=SOMEBODY,
        now=clock.now(),
    )

    assert shown(copy) == [("VIP", ["Camarote"])]
    assert Gate.objects.get(event=copy).ticket_types.get().event == copy
    assert (copy.reentry, copy.confirm_first) == ("always", True)


# --- The API ----------------------------------------------------------------------------------


def put(event: Event, gates: Any) -> Any:
    return as_organizer(event).put(f"/events/{event.slug}/gates", {"gates": gates}, format="json")


def test_an_organizer_reads_back_what_it_has_sent(event: Event):
    pista, camarote = kinds_of(event)
    gates = [
        {"name": "Sul", "ticket_types": [str(pista.pk), str(camarote.pk)]},
        {"name": "VIP", "ticket_types": [str(camarote.pk)]},
    ]

    sent = put(event, gates)

    assert (sent.status_code, sent.json()) == (200, {"gates": gates})
    assert as_organizer(event).get(f"/events/{event.slug}/gates").json() == sent.json()
    assert put(event, []).json() == {"gates": []}


def test_wrong_gates_are_refused_with_their_place_or_reason(event: Event):
    _pista, camarote = kinds_of(event)
    admits = [str(camarote.pk)]

    empty = put(event, [{"name": "VIP", "ticket_types": []}])
    unknown = put(event, [{"name": "VIP", "ticket_types": [str(event.pk)]}])
    twice = put(event, [{"name": name, "ticket_types": admits} for name in ("VIP", "vip")])

    assert empty.json()["errors"][0]["pointer"] == "#/gates/0/ticket_types"
    assert unknown.json()["code"] == "unknown_ticket_type_of_event"
    assert twice.json()["code"] == "gate_named_twice"
    assert not Gate.objects.exists()


def test_the_only_type_of_a_gate_is_not_dropped_by_the_api(event: Event):
    _pista, camarote = kinds_of(event)
    change(event, GateRule("VIP", [camarote.pk]))
    client, path = as_organizer(event), f"/events/{event.pk}"
    whole = {
        "name": event.name,
        "venue": event.venue,
        "city": event.city,
        "starts_at": event.starts_at.isoformat(),
        "ends_at": event.ends_at.isoformat(),
        "status": event.status,
        "ticket_types": [{"name": "Pista", "price": "45.00", "capacity": 100}],
    }

    refused = client.put(path, whole, format="json")

    assert (refused.status_code, refused.json()["code"]) == (409, "only_type_of_gate")
    assert shown(event) == [("VIP", ["Camarote"])]
    put(event, [])
    assert client.put(path, whole, format="json").status_code == 200


def test_gates_of_a_cancelled_event_do_not_change(event: Event):
    cancel_event(event_id=event.pk, actor=SOMEBODY, now=clock.now())

    assert put(event, []).json()["code"] == "event_not_editable"


def test_organizers_set_the_rule_of_re_entry_and_confirmation_by_the_api(event: Event):
    client, path = as_organizer(event), f"/events/{event.pk}"

    changed = client.patch(path, {"reentry": "once_a_day", "confirm_first": True}, format="json")
    wrong = client.patch(path, {"reentry": "sometimes"}, format="json").json()

    assert changed.status_code == 200, changed.json()
    assert (changed.json()["reentry"], changed.json()["confirm_first"]) == ("once_a_day", True)
    assert wrong["errors"][0]["pointer"] == "#/reentry"
    assert Event.objects.get(pk=event.pk).status == EventStatus.PUBLISHED
