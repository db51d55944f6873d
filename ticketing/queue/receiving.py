"""Calling ReceiveMessage of SQS on the worker's event loop, with a time limit and a callback."""

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
# In addition to the seconds for which SQS itself waits for a message.
_ANSWER_SECONDS: Final = 7
_OK: Final = 200

Messages = list[dict[str, Any]]


class ReceiveFailed(Exception):
    """The call failed. `code` is the label of the failure in the metrics."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Receiver(AsyncSQSConnection):
    """
    Kombu's connection, used to sign requests.

    The requests are made here, because those of kombu have no time limit and lose errors.
    """

    def receive(
        self,
        url: str,
        *,
        count: int,
        wait_seconds: int,
        callback: Callable[[Messages | ReceiveFailed], None],
    ) -> None:
        """
        Start to receive at most `count` messages. `callback` gets the messages or the failure.

        :raises BotoCoreError: if there are no credentials to sign the request with
        """
        self._seconds = longest_receive(wait_seconds)
        parameters = {
            "MaxNumberOfMessages": count,
            "WaitTimeSeconds": wait_seconds,
            "MessageSystemAttributeNames": list(self.message_system_attribute_names),
        }
        on_response = partial(self._pass_on, callback)
        self.make_request(_OPERATION, parameters, url, "POST", callback=on_response)

    def _mexe(self, request: Any, sender: Any = None, callback: Any = None) -> Any:
        # `make_request` calls this method. The HTTP client is fetched anew each time, because it is
        # closed together with its event loop.
        return get_client().add_request(
            Request(
                request.url,
                method=request.method,
                headers=Headers(request.headers),
                body=request.body,
                on_ready=callback,
                on_prepare=self._set_time_limits,
                follow_redirects=False,
                ca_certs=get_cert_path(True),  # noqa: FBT003 - botocore's
            )
        )

    def _set_time_limits(self, curl: Any) -> None:
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, _CONNECT_SECONDS * 1000)
        curl.setopt(pycurl.TIMEOUT_MS, self._seconds * 1000)

    def _pass_on(
        self, callback: Callable[[Messages | ReceiveFailed], None], response: Response
    ) -> None:
        callback(self._parse(response))

    def _parse(self, response: Response) -> Messages | ReceiveFailed:
        if response.code != _OK:
            # Kombu reports a failed connection as code 599, with curl's message as `error`.
            body = (response.body or b"")[:200].decode("utf-8", "replace")
            return ReceiveFailed(f"HTTP {response.code}", f"{response.error} {body}".strip())
        model = self.sqs_connection.meta.service_model.operation_model(_OPERATION)
        try:
            _, parsed = get_response(model, response)
            return [dict(message) for message in parsed.get("Messages") or ()]
        except Exception as error:  # noqa: BLE001 - the parsers raise many kinds for broken bodies
            return ReceiveFailed("Unreadable", f"{type(error).__name__}: {error}")


def longest_receive(wait_seconds: int) -> int:
    """Return after how many seconds a call has ended, with messages or with a failure."""
    return wait_seconds + _ANSWER_SECONDS
