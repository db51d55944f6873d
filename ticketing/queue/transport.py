"""
Kombu's transport for SQS, changed so that no failure of SQS ends a worker or its polling.

With kombu 5.7 a response 503 to a ReceiveMessage ends the worker, and a connection that is refused
or hangs ends polling forever. Here a failed ReceiveMessage counts as an empty one, and each queue
is polled independently. If a message cannot be deleted, rejected or returned, SQS delivers it again
after its visibility timeout: every task may run twice.
"""

import logging
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final

from kombu.transport import SQS

from ticketing.queue.in_hand import QoS
from ticketing.queue.polling import Polling
from ticketing.queue.polls import EVERY_SECONDS, clear_away_old_polls, forget_polls, write_polls
from ticketing.queue.receiving import Messages, ReceiveFailed, Receiver, longest_receive
from ticketing.telemetry.metrics import count_aws_error

logger = logging.getLogger(__name__)

# Seconds before the poll after a failed one. They double with each further failure.
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 5.0
# The least time between two polls that find nothing, for an SQS that does not do long polling.
_PAUSE: Final = 0.1
# A poll that takes longer than its limits by so much is considered lost, and the queue is polled
# again.
_LOST_SECONDS: Final = 10
# The most entries in one call of SQS.
_MOST_AT_ONCE: Final = 10
# A worker with room for a message polls at least so often, so that its health check passes.
_LONGEST_PAUSE: Final = 5.0
# Messages that are acknowledged within so long are deleted by one call.
_GATHER_SECONDS: Final = 0.2


class Channel(SQS.Channel):
    """Polls each queue forever. No failure of SQS is raised in the worker's event loop."""

    QoS = QoS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pollings: defaultdict[str, Polling] = defaultdict(Polling)
        self._watch: Any = None
        # The receipt handles of messages that were acknowledged and not deleted yet, by queue URL.
        self._done: defaultdict[str, list[str]] = defaultdict(list)
        self._deletion: Any = None
        self._folder = self.transport_options.get("polls_folder")

    def basic_consume(self, queue: str, *args: Any, **kwargs: Any) -> Any:
        if self._watch is None and self.hub:
            self._watch = self.hub.call_repeatedly(EVERY_SECONDS, self._look_after_polls)
            if self._folder:
                # A restarted container has the same host name and process id as before.
                forget_polls(Path(self._folder))
                clear_away_old_polls(Path(self._folder), now=time.time())
        return super().basic_consume(queue, *args, **kwargs)

    def basic_cancel(self, consumer_tag: str) -> Any:
        # A stopping worker waits for its tasks before it calls `close`: delete these before.
        self._delete_done()
        return super().basic_cancel(consumer_tag)

    def close(self) -> None:
        self._delete_done()
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
            if self._folder:
                forget_polls(Path(self._folder))
        super().close()

    # --- Receiving

    @cached_property
    def _receiver(self) -> Receiver:
        return Receiver(self.sqs(), region=self.region)

    def _schedule_queue(self, queue: str) -> None:
        """Poll a queue now, or check again soon if the worker is busy."""
        if queue not in self._active_queues:
            return
        polling = self._pollings[queue]
        polling.number += 1
        polling.began = time.monotonic()
        if not self._has_room(polling):
            # The event loop runs again when a task ends.
            self.hub.call_soon(self._schedule_queue_if, queue, polling.number)
            return
        polling.at = time.time()
        url = self._new_queue(queue)
        on_response = partial(self._on_response, queue, url, polling.number)
        try:
            self._receiver.receive(
                url,
                count=self._get_message_estimate(),
                wait_seconds=self.wait_time_seconds,
                callback=on_response,
            )
        except Exception as error:  # noqa: BLE001 - no failure may end the polling of a queue
            # Usually there are no credentials: botocore fetches them over the network.
            on_response(ReceiveFailed(type(error).__name__, str(error)))

    def _has_room(self, polling: Polling) -> bool:
        """
        Return whether to poll for messages now.

        The worker polls when it has room for more than half of the messages that it may hold. That
        half is more than it processes at once. Polling after each message would double the calls.
        """
        room = self.qos.can_consume_max_estimate()
        if room is None or room > self.qos.prefetch_count // 2:
            return True
        return room > 0 and time.time() - polling.at > _LONGEST_PAUSE

    def _on_response(
        self, queue: str, url: str, number: int, response: Messages | ReceiveFailed
    ) -> None:
        messages = [] if isinstance(response, ReceiveFailed) else response
        if queue in self._active_queues:
            self._hand_over(queue, url, messages)
        elif messages:
            # The worker stops: other workers get these messages at once.
            self.give_back(url, [message["ReceiptHandle"] for message in messages])
        polling = self._pollings[queue]
        if number != polling.number or queue not in self._active_queues:
            return
        wait = self._wait_after(queue, polling, response)
        if wait:
            self.hub.call_later(wait, self._schedule_queue_if, queue, number)
        else:
            self.hub.call_soon(self._schedule_queue_if, queue, number)

    def _schedule_queue_if(self, queue: str, number: int) -> None:
        # `_look_after_polls` may have started another poll meanwhile.
        if self._pollings[queue].number == number:
            self._schedule_queue(queue)

    def _hand_over(self, queue: str, url: str, messages: Messages) -> None:
        for message in messages:
            try:
                payload = self._message_to_python(message, queue, url)
                self.connection.on_message_ready(self, payload, queue)
            except Exception:
                # Continue with the other messages. SQS delivers this one again later.
                logger.exception("A message of the queue %s could not be accepted.", queue)
                self.qos.forget(message.get("ReceiptHandle", ""))

    def _wait_after(
        self, queue: str, polling: Polling, response: Messages | ReceiveFailed
    ) -> float:
        """Return how many seconds to wait before the next poll."""
        if not isinstance(response, ReceiveFailed):
            if polling.failures:
                logger.info("The queue %s answers again.", queue)
            polling.failures = 0
            took = time.monotonic() - polling.began
            return 0.0 if response else max(0.0, _PAUSE - took)
        polling.failures += 1
        count_aws_error(service="sqs", operation="ReceiveMessage", code=response.code)
        if polling.failures == 1:
            logger.warning("The queue %s does not answer (%s); polling goes on.", queue, response)
        wait: float = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(polling.failures - 1, 10))
        # Random, so that workers that failed at the same time do not retry at the same time.
        return wait * random.uniform(0.5, 1)  # noqa: S311 - no secret

    def _look_after_polls(self) -> None:
        """Poll each queue again whose poll was lost, and write the times of the polls to a file."""
        for queue in self._active_queues:
            polling = self._pollings[queue]
            late = time.monotonic() - polling.began
            if late > longest_receive(self.wait_time_seconds) + _LONGEST_WAIT + _LOST_SECONDS:
                logger.error("The queue %s was not polled for %.0f s; polling again.", queue, late)
                self._schedule_queue(queue)
        if self._folder:
            at = {queue: self._pollings[queue].at for queue in self._active_queues}
            try:
                write_polls(Path(self._folder), at)
            except OSError:
                logger.warning("The times of the polls could not be written.", exc_info=True)

    # --- Acknowledging, rejecting and returning messages

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:  # noqa: FBT001, FBT002
        """Delete a message soon, together with others. If this fails, SQS delivers it again."""
        try:
            done = self.qos.get(delivery_tag).delivery_info
        except KeyError:
            # It was returned to SQS when the connection closed, or forgotten.
            return
        super(SQS.Channel, self).basic_ack(delivery_tag)
        handles = self._done[done["sqs_queue"]]
        handles.append(done["sqs_message"]["ReceiptHandle"])
        # After the event loop has ended, no delayed call runs.
        if self._watch is None or len(handles) == _MOST_AT_ONCE:
            self._delete_done()
        elif self._deletion is None:
            self._deletion = self.hub.call_later(_GATHER_SECONDS, self._delete_done)

    def _delete_done(self) -> None:
        if self._deletion is not None:
            self._deletion.cancel()
            self._deletion = None
        while self._done:
            url, handles = self._done.popitem()
            with _log_failure("Acknowledged messages were not deleted; SQS delivers them again."):
                result = self.sqs().delete_message_batch(
                    QueueUrl=url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": handle}
                        for number, handle in enumerate(handles)
                    ],
                )
                for failed in result.get("Failed", []):
                    logger.warning("An acknowledged message could not be deleted: %s.", failed)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002
        """
        Leave a message in its queue. SQS delivers it again, and moves it to the dead-letter queue.

        `requeue` is ignored: a new copy of the message would be counted from zero. The message is
        never deleted, because each of our queues has a dead-letter queue.
        """
        with _log_failure("The delay of a rejected message was not set; SQS delivers it again."):
            self.qos.reject(delivery_tag, requeue=False)

    def give_back(self, url: str, tags: Iterable[str]) -> None:
        """Make messages that were received and not begun visible to other workers at once."""
        with _log_failure("Messages were not returned; SQS delivers them again later."):
            for some in _batches(list(tags)):
                self.sqs().change_message_visibility_batch(
                    QueueUrl=url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": tag, "VisibilityTimeout": 0}
                        for number, tag in enumerate(some)
                    ],
                )

    def sqs(self, queue: str | None = None) -> Any:
        """Return the shared client of all queues. Making a client takes long."""
        if self.connection.client_of_all is None:
            self.connection.client_of_all = self.new_sqs_client(
                region=self.region,
                access_key_id=self.conninfo.userid,
                secret_access_key=self.conninfo.password,
            )
        return self.connection.client_of_all

    def _size(self, queue: str) -> int:
        # Kombu calls this when a worker starts and before the first message is sent, and does not
        # use the result. The call of SQS is saved.
        return 0


class Transport(SQS.Transport):
    """The transport that the settings name as `ticketing.queue.transport:Transport`."""

    Channel = Channel

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self.client_of_all: Any = None


@contextmanager
def _log_failure(consequence: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - only logged, because SQS still has the message
        logger.warning("%s %s: %s", consequence, type(error).__name__, error)


def _batches(tags: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(tags), _MOST_AT_ONCE):
        yield tags[start : start + _MOST_AT_ONCE]
