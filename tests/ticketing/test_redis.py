"""The connections to Redis: one of each thread, and what becomes of them after a failover."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from events.stock.generation import _Generation
from events.stock.holds import read_stock
from tests.make import make_event, make_reservation
from ticketing.redis import connection_class_of, get_redis, run_script
from ticketing.stack import services

RETURN_ONE = "return 1"


def test_threads_that_have_ended_use_up_no_connections_of_the_pool(
    monkeypatch: pytest.MonkeyPatch, redis: Redis
):
    """Otherwise a server with a thread for each request would run out of connections."""
    digest = redis.script_load(RETURN_ONE)
    monkeypatch.setattr(get_redis().connection_pool, "max_connections", 3)
    replies: list[object] = []

    for _ in range(10):
        thread = Thread(target=lambda: replies.append(run_script(digest, [], [])))
        thread.start()
        thread.join()

    assert replies == [1] * 10


class Failover:
    """Two servers behind one name, which leads to the primary."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, servers: list[str]) -> None:
        self._ports = [urlsplit(url).port for url in servers]
        self._clients = [Redis.from_url(url) for url in servers]
        self.url = servers[0].replace("127.0.0.1", "redis.test")
        self._primary = 0
        look_up = socket.getaddrinfo

        def resolve(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
            if host == "redis.test":
                host, port = "127.0.0.1", self._ports[self._primary]
            return look_up(host, port, *rest, **options)

        monkeypatch.setattr(socket, "getaddrinfo", resolve)

    def switch(self) -> None:
        """Make the other server the primary. The old one goes on as its replica."""
        old, new = self._primary, 1 - self._primary
        self._clients[new].replicaof("NO", "ONE")
        self._clients[old].replicaof("127.0.0.1", self._ports[new])
        self._primary = new


@pytest.fixture
def failover(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Iterator[Failover]:
    password = services.new_password()
    with ExitStack() as stack:
        servers = [
            stack.enter_context(
                services.running(
                    services.valkey(
                        tmp_path / name,
                        port=services.free_port(),
                        password=password,
                        durable=False,
                    )
                )
            )
            for name in ("one", "other")
        ]
        found = Failover(monkeypatch, servers)
        settings.REDIS_URL = found.url
        get_redis.cache_clear()
        _Generation.stamp = ""
        yield found
        get_redis.cache_clear()
        _Generation.stamp = ""


@pytest.mark.django_db(transaction=True)
def test_a_process_sells_on_after_its_server_has_become_a_replica(failover: Failover):
    event = make_event(capacity=10)
    kind = event.ticket_types.get()
    make_reservation(ticket_type=kind, quantity=2)
    assert read_stock(event.pk) is not None

    failover.switch()
    make_reservation(ticket_type=kind, quantity=3)

    stock = read_stock(event.pk)
    assert stock is not None
    assert stock.left == {kind.pk: 5}


def test_a_connection_is_closed_once_its_server_has_become_a_replica(failover: Failover):
    client = get_redis()
    client.set("a", "1")

    failover.switch()
    client.set("a", "2")

    assert client.get("a") == "2"


def test_a_server_that_stays_a_replica_is_an_error(failover: Failover, redis: Redis):
    client = get_redis()
    client.replicaof("127.0.0.1", 1)

    with pytest.raises(RedisConnectionError, match="read only replica"):
        client.set("a", "1")


def test_the_cache_leaves_replicas_too():
    pool = cast(Any, cache).client.get_client().connection_pool

    assert pool.connection_class.__mro__[1] == connection_class_of("redis://a").__mro__[1]


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("redis://a", "Connection"),
        ("rediss://a", "SSLConnection"),
        ("unix:///a", "UnixDomainSocketConnection"),
    ],
)
def test_each_scheme_keeps_its_kind_of_connection(url: str, name: str):
    assert connection_class_of(url).__mro__[2].__name__ == name
