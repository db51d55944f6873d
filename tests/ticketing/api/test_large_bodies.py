"""The server reads nothing of a body over the limit, on every path."""

import json
from io import BytesIO, RawIOBase
from typing import Any

import pytest
from django.core.wsgi import get_wsgi_application
from django.test import Client, RequestFactory
from rest_framework.test import APIClient

from tests.make import make_user
from ticketing.api.parsing import with_whole_bodies

pytestmark = pytest.mark.django_db(transaction=True)

MULTIPART = "multipart/form-data; boundary=part"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
ORDER = "01890000-0000-7000-8000-000000000000"


class EndlessBody(RawIOBase):
    """A body that never ends and counts the bytes that were read."""

    bytes_read = 0

    def readinto(self, buffer: Any) -> int:
        self.bytes_read += len(buffer)
        buffer[:] = b"[" * len(buffer)
        return len(buffer)

    def readall(self) -> bytes:
        raise AssertionError("a reader asked for the whole endless body")


def send_endless(client: Client, method: str, path: str, kind: str) -> tuple[Any, EndlessBody]:
    body = EndlessBody()
    answer = client.request(
        REQUEST_METHOD=method,
        PATH_INFO=path,
        CONTENT_TYPE=kind,
        CONTENT_LENGTH=str(300 * 1024 * 1024),
        **{"wsgi.input": body},
    )
    return answer, body


@pytest.mark.parametrize("kind", [JSON, MULTIPART, FORM])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/orders"),
        ("GET", "/events"),
        ("POST", "/events"),
        ("PATCH", f"/events/{ORDER}"),
        ("POST", f"/orders/{ORDER}/payment"),
        ("POST", f"/orders/{ORDER}/confirmation"),
        ("POST", "/tickets/validate"),
        ("POST", "/schema"),
        ("GET", "/readyz"),
        ("POST", "/no/such/path"),
    ],
)
def test_no_path_of_the_api_reads_a_body_over_the_limit(
    api: APIClient, method: str, path: str, kind: str
):
    answer, body = send_endless(api, method, path, kind)

    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (413, "request_too_large")
    assert "262144 bytes" in problem["detail"]
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert body.bytes_read == 0


@pytest.mark.parametrize("kind", [MULTIPART, FORM])
@pytest.mark.parametrize("path", ["/i18n/setlang/", "/admin/login/", "/admin/events/event/add/"])
def test_no_page_reads_a_body_over_the_limit_and_each_shows_the_reason(path: str, kind: str):
    staff = Client(headers={"Accept-Language": "pt-BR"})
    staff.force_login(make_user(is_staff=True))

    answer, body = send_endless(staff, "POST", path, kind)

    assert answer.status_code == 413
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "O formulário contém mais dados do que aceitamos" in answer.content.decode()
    assert body.bytes_read == 0


@pytest.mark.parametrize(
    "environ", [{"HTTP_TRANSFER_ENCODING": "chunked"}, {"SERVER_PROTOCOL": "HTTP/2"}]
)
@pytest.mark.parametrize(("path", "kind"), [("/orders", JSON), ("/i18n/setlang/", MULTIPART)])
def test_a_body_without_a_length_is_read_no_further_than_the_limit(
    settings: Any, path: str, kind: str, environ: dict[str, str]
):
    body = EndlessBody()

    status, _answer = call(path, kind, {"wsgi.input": body, **environ})

    assert status == "413"
    assert body.bytes_read <= settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1


@pytest.mark.parametrize(
    "environ", [{"HTTP_TRANSFER_ENCODING": "chunked"}, {"SERVER_PROTOCOL": "HTTP/2"}]
)
def test_a_body_without_a_length_is_read_like_any_other(environ: dict[str, str]):
    body = BytesIO(b'{"event": "nothing"}')

    status, answer = call("/orders", JSON, {"wsgi.input": body, **environ})

    assert (status, answer["code"]) == ("400", "invalid_request")


def test_a_body_at_the_limit_is_read(api: APIClient, settings: Any):
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    frame = '{"event": ""}'

    whole, over = (
        api.generic("POST", "/orders", frame.replace('""', f'"{"x" * length}"'), JSON)
        for length in (most - len(frame), most - len(frame) + 1)
    )

    assert [whole.json()["code"], over.json()["code"]] == ["invalid_request", "request_too_large"]


def call(path: str, kind: str, more: dict[str, Any]) -> tuple[str, Any]:
    """Call the application as a web server does. Return the status and the JSON of the response."""
    statuses: list[str] = []
    environ = dict(RequestFactory().generic("POST", path, b"", kind).META)
    environ.pop("CONTENT_LENGTH", None)
    environ |= {"CONTENT_TYPE": kind, **more}
    parts = with_whole_bodies(get_wsgi_application())(
        environ, lambda status, _headers: statuses.append(status)
    )
    content = b"".join(parts)
    return statuses[0][:3], json.loads(content) if content.startswith(b"{") else None
