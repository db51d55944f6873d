"""One ReceiveMessage of SQS over the worker's event loop, with a time limit and one callback."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import pycurl
from botocore.httpsession import get_cert_path
from botocore.response import get_response
from kombu.asynchronous.aws.sqs.connection import AsyncSQSConnection
from kombu.asynchronous.http import Headers, Request, Response, get_client

_OPERATION: Final = "ReceiveMessage"
_CONNECT_SECONDS: Final = 3
# Beyond the seconds that SQS itself waits for a message.
_ANSWER_SECONDS: Final = 7
_OK: Final = 200

Messages = list[dict[str, Any]]


class ReceiveFailed(Exception):
    """SQS gave no messages and did not say that there are none. `code` labels the figure."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Receiver(AsyncSQSConnection):
    """Kombu's connection, which signs. Kombu's own requests have no time limit and lose errors."""

    def ask(
        self,
        url: str,
        *,
        count: int,
        wait_seconds: int,
        callback: Callable[[Messages | ReceiveFailed], None],
    ) -> None:
        """
        Begin to ask for at most `count` messages; `callback` gets them, or why there are none.

        :raises BotoCoreError: if there are no credentials to sign the request with
        """
        self._seconds = longest(wait_seconds)
        wanted = {
            "MaxNumberOfMessages": count,
            "WaitTimeSeconds": wait_seconds,
            "MessageSystemAttributeNames": list(self.message_system_attribute_names),
        }
        answered = partial(self._pass_on, callback)
        self.make_request(_OPERATION, wanted, url, "POST", callback=answered)

    def _mexe(self, request: Any, sender: Any = None, callback: Any = None) -> Any:
        # The loop's present client: an earlier one was closed together with its loop.
        return get_client().add_request(
            Request(
                request.url,
                method=request.method,
                headers=Headers(request.headers),
                body=request.body,
                on_ready=callback,
                on_prepare=self._limit,
                follow_redirects=False,
                ca_certs=get_cert_path(True),  # noqa: FBT003 - botocore's
            )
        )

    def _limit(self, curl: Any) -> None:
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, _CONNECT_SECONDS * 1000)
        curl.setopt(pycurl.TIMEOUT_MS, self._seconds * 1000)

    def _pass_on(
        self, callback: Callable[[Messages | ReceiveFailed], None], answer: Response
    ) -> None:
        callback(self._read(answer))

    def _read(self, answer: Response) -> Messages | ReceiveFailed:
        if answer.code != _OK:
            # Kombu makes 599 of a connection that failed; the error has curl's words.
            said = (answer.body or b"")[:200].decode("utf-8", "replace")
            return ReceiveFailed(f"HTTP {answer.code}", f"{answer.error} {said}".strip())
        model = self.sqs_connection.meta.service_model.operation_model(_OPERATION)
        try:
            _, parsed = get_response(model, answer)
            return [dict(message) for message in parsed.get("Messages") or ()]
        except Exception as error:  # noqa: BLE001 - a body may be anything, and so what it raises
            return ReceiveFailed("Unreadable", f"{type(error).__name__}: {error}")


def longest(wait_seconds: int) -> int:
    """Return the seconds after which a receive has ended, one way or the other."""
    return wait_seconds + _ANSWER_SECONDS
