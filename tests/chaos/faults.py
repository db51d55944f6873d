"""The faults of a chaos run, their random schedule, and the measurement of each recovery."""

import random
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from redis.exceptions import RedisError

from tests.chaos.arena import WEBS, WORKERS, Arena
from tests.chaos.crowd import Caller, Crowd, NoResponse
from tests.chaos.proxy import FAILS, HANGS, VANISHES

_LONGEST_RECOVERY: Final = 90
_SECOND: Final = 1.0


@dataclass(frozen=True)
class Fault:
    """One kind of fault: how it begins and how it ends."""

    kind: str
    begin: Callable[[Arena], None]
    end: Callable[[Arena], None]
    # The most seconds between begin and end. The actual time is random.
    lasts: float = 2.5


@dataclass
class Faults:
    """The faults so far, with the seconds until a new order had its tickets again."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    unrecovered: list[str] = field(default_factory=list)
    now: str = ""

    @property
    def count(self) -> int:
        return sum(len(times) for times in self.seconds.values()) + len(self.unrecovered)


def _kill(name: str) -> Fault:
    return Fault(f"kill {name}", lambda a: a.kill(name), lambda a: a.restart(name))


def _freeze(name: str) -> Fault:
    return Fault(f"freeze {name}", lambda a: a.freeze(name), lambda a: a.thaw(name), 4)


def _break(service: str, how: str) -> Fault:
    return Fault(
        f"{service} {how}",
        lambda a: a.proxy.break_service(service, how),
        lambda a: a.proxy.heal(service),
        4,
    )


def _flush(arena: Arena) -> None:
    with arena.redis() as redis:
        redis.flushall()


def _forget_scripts(arena: Arena) -> None:
    with arena.redis() as redis:
        redis.script_flush()


def _duplicate(arena: Arena) -> None:
    """Send copies of waiting messages: SQS may deliver a message more than once."""
    sqs = arena.sqs()
    for queue in ("sale", "delivery", "refunds", "webhooks"):
        url = arena.queue_url(queue)
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=1)
        for message in found.get("Messages", []):
            for _ in range(2):
                sqs.send_message(QueueUrl=url, MessageBody=message["Body"])


def _nothing(_: Arena) -> None:
    pass


FAULTS: Final = [
    *(_kill(name) for name in (*WEBS, *WORKERS, "postgres", "valkey", "aws")),
    *(_kill(name) for name in ("worker-1", "worker-2")),
    *(_freeze(name) for name in ("web-1", "worker-1", "mailer", "courier", "postgres", "valkey")),
    *(_break(service, how) for service in ("sqs", "s3", "ses") for how in (FAILS, HANGS, VANISHES)),
    Fault("flush valkey", _flush, _nothing, 0),
    Fault("flush valkey", _flush, _nothing, 0),
    Fault("forget scripts", _forget_scripts, _nothing, 0),
    Fault("wipe valkey", lambda a: a.wipe_valkey(), lambda a: a.restart("valkey")),
    Fault("duplicate messages", _duplicate, _nothing, 0),
    Fault("duplicate messages", _duplicate, _nothing, 0),
]


class Saboteur:
    """Executes faults in a random order that a seed repeats. Each round has every fault once."""

    def __init__(  # noqa: PLR0913 - the settings of a schedule
        self, arena: Arena, crowd: Crowd, *, canary: str, seed: int, pace: float, only: str
    ) -> None:
        self.faults = Faults()
        self._arena, self._crowd, self._canary = arena, crowd, canary
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._pace = pace
        self._faults = [fault for fault in FAULTS if only in fault.kind]
        self._hand: list[Fault] = []
        self._caller = Caller([arena.ports[name] for name in WEBS])

    def strike(self) -> None:
        """Execute one fault, sometimes two at once, and measure the recovery."""
        chosen = [self._draw()]
        if self._random.random() < 0.15:
            chosen.append(self._draw())
        self.faults.now = self._arena.fault = " + ".join(fault.kind for fault in chosen)
        begun = []
        try:
            for fault in chosen:
                with suppress(RedisError, BotoCoreError, ClientError):
                    fault.begin(self._arena)
                begun.append(fault)
            time.sleep(self._random.random() * max(fault.lasts for fault in chosen))
        finally:
            for fault in reversed(begun):
                fault.end(self._arena)
        healed = time.monotonic()
        recovered = self._wait_for_a_purchase(healed)
        for fault in chosen:
            if recovered is None:
                self.faults.unrecovered.append(fault.kind)
            else:
                self.faults.seconds[fault.kind].append(recovered)
        self.faults.now = ""
        time.sleep(self._random.random() * self._pace)

    def _draw(self) -> Fault:
        if not self._hand:
            self._hand = self._random.sample(self._faults, len(self._faults))
        return self._hand.pop()

    def _wait_for_a_purchase(self, healed: float) -> float | None:
        """Return the seconds until a new order has its tickets."""
        deadline = healed + _LONGEST_RECOVERY
        while time.monotonic() < deadline:
            self._arena.restart_dead_processes()
            with suppress(NoResponse):
                if self._buy_now(deadline):
                    return time.monotonic() - healed
            time.sleep(0.1)
        return None

    def _buy_now(self, deadline: float) -> bool:
        order = self._crowd.reserve(self._caller, self._canary, 1)
        if order is None or not self._crowd.pay(self._caller, order, "tok_approved"):
            return False
        # Not the whole deadline for one order: SQS keeps no order, so the next one may be quicker.
        patience = min(deadline, time.monotonic() + 30 * _SECOND)
        while time.monotonic() < patience:
            self._arena.restart_dead_processes()
            found: dict[str, Any] = {}
            with suppress(NoResponse):
                _, found = self._caller.call(
                    "GET", f"/orders/{order['id']}", token=order["access_token"]
                )
            if found.get("tickets_ready"):
                return True
            time.sleep(0.05)
        return False
