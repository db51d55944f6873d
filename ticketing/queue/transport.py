"""
Kombu's transport for SQS, with another way to poll and no error that ends the worker.

Kombu 5.7 ends its worker on a receive that is answered with 503, and stops polling for good after a
connection that is refused or hangs. Here a receive that fails counts as an empty one, and polling
goes on, for each queue on its own. A message that could not be deleted, put off or given back comes
again after its visibility timeout: every task may run twice.
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
from ticketing.queue.receiving import Messages, ReceiveFailed, Receiver, longest
from ticketing.telemetry.metrics import count_aws_error

logger = logging.getLogger(__name__)

# After a failed receive, and doubled with each further one.
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 5.0
# After a receive that found nothing: an SQS that does not wait for messages is not to be flooded.
_PAUSE: Final = 0.1
# Beyond the longest that a poll may take: it was lost, and the queue is polled anew.
_LOST_SECONDS: Final = 10
_MOST_AT_ONCE: Final = 10
# A worker that has any room asks after so long at the latest, and is seen to be well.
_PATIENCE: Final = 5.0
# What is done within so long is deleted by one call.
_GATHER_SECONDS: Final = 0.2


class Channel(SQS.Channel):
    """Polls each queue forever, and lets no failure of SQS out into the worker's event loop."""

    QoS = QoS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._pollings: defaultdict[str, Polling] = defaultdict(Polling)
        self._watch: Any = None
        # By queue: the handles of messages that are done and not deleted yet.
        self._done: defaultdict[str, list[str]] = defaultdict(list)
        self._deletion: Any = None
        self._folder = self.transport_options.get("polls_folder")

    def basic_consume(self, queue: str, *args: Any, **kwargs: Any) -> Any:
        if self._watch is None and self.hub:
            self._watch = self.hub.call_repeatedly(EVERY_SECONDS, self._look_after_polls)
            if self._folder:
                # A container that starts again has the host and the number it had before.
                forget_polls(Path(self._folder))
                clear_away_old_polls(Path(self._folder), now=time.time())
        return super().basic_consume(queue, *args, **kwargs)

    def basic_cancel(self, consumer_tag: str) -> Any:
        # A worker that stops waits for its tasks before it closes.
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
        """Poll a queue now, or look again soon if the worker has its hands full."""
        if queue not in self._active_queues:
            return
        polling = self._pollings[queue]
        polling.number += 1
        polling.began = time.monotonic()
        if not self._has_room(polling):
            # The loop comes by again with each task that ends.
            self.hub.call_soon(self._schedule_queue_if, queue, polling.number)
            return
        polling.at = time.time()
        url = self._new_queue(queue)
        answered = partial(self._on_answer, queue, url, polling.number)
        try:
            self._receiver.ask(
                url,
                count=self._get_message_estimate(),
                wait_seconds=self.wait_time_seconds,
                callback=answered,
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the queue is polled again
            # No credentials, above all: they are fetched over the network, too.
            answered(ReceiveFailed(type(error).__name__, str(error)))

    def _has_room(self, polling: Polling) -> bool:
        """
        Say whether it is worth asking for messages.

        Half of what the worker may have in hand is more than it works on at a time. To ask for each
        one that ends would be a receive for each message.
        """
        room = self.qos.can_consume_max_estimate()
        if room is None or room > self.qos.prefetch_count // 2:
            return True
        return room > 0 and time.time() - polling.at > _PATIENCE

    def _on_answer(
        self, queue: str, url: str, number: int, answer: Messages | ReceiveFailed
    ) -> None:
        messages = [] if isinstance(answer, ReceiveFailed) else answer
        if queue in self._active_queues:
            self._hand_over(queue, url, messages)
        elif messages:
            # The worker is stopping.
            self.give_back(url, [message["ReceiptHandle"] for message in messages])
        polling = self._pollings[queue]
        if number != polling.number or queue not in self._active_queues:
            return
        wait = self._wait_after(queue, polling, answer)
        if wait:
            self.hub.call_later(wait, self._schedule_queue_if, queue, number)
        else:
            self.hub.call_soon(self._schedule_queue_if, queue, number)

    def _schedule_queue_if(self, queue: str, number: int) -> None:
        # The watch may have begun another poll meanwhile.
        if self._pollings[queue].number == number:
            self._schedule_queue(queue)

    def _hand_over(self, queue: str, url: str, messages: Messages) -> None:
        for message in messages:
            try:
                payload = self._message_to_python(message, queue, url)
                self.connection.on_message_ready(self, payload, queue)
            except Exception:
                # Only this one is lost, until SQS gives it back: those beside it are good.
                logger.exception("A message of the queue %s could not be taken.", queue)
                self.qos.let_go(message.get("ReceiptHandle", ""))

    def _wait_after(self, queue: str, polling: Polling, answer: Messages | ReceiveFailed) -> float:
        if not isinstance(answer, ReceiveFailed):
            if polling.failures:
                logger.info("The queue %s answers again.", queue)
            polling.failures = 0
            took = time.monotonic() - polling.began
            return 0.0 if answer else max(0.0, _PAUSE - took)
        polling.failures += 1
        count_aws_error(service="sqs", operation="ReceiveMessage", code=answer.code)
        if polling.failures == 1:
            logger.warning("The queue %s gave no answer (%s); polling goes on.", queue, answer)
        wait: float = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(polling.failures - 1, 10))
        # Workers that failed together do not come back together.
        return wait * random.uniform(0.5, 1)  # noqa: S311 - no secret

    def _look_after_polls(self) -> None:
        """Poll a queue anew whose last poll was lost, and write down when each was polled."""
        for queue in self._active_queues:
            polling = self._pollings[queue]
            late = time.monotonic() - polling.began
            if late > longest(self.wait_time_seconds) + _LONGEST_WAIT + _LOST_SECONDS:
                logger.error("The queue %s was not polled for %.0f s; polling anew.", queue, late)
                self._schedule_queue(queue)
        if self._folder:
            at = {queue: self._pollings[queue].at for queue in self._active_queues}
            try:
                write_polls(Path(self._folder), at)
            except OSError:
                logger.warning("The times of the polls could not be written.", exc_info=True)

    # --- What becomes of a message

    def basic_ack(self, delivery_tag: str, multiple: bool = False) -> None:  # noqa: FBT001, FBT002
        """Delete a message, with others that are done soon. If SQS does not, it comes again."""
        try:
            done = self.qos.get(delivery_tag).delivery_info
        except KeyError:
            # It was given back when the connection ended, or let go: it comes again.
            return
        super(SQS.Channel, self).basic_ack(delivery_tag)
        handles = self._done[done["sqs_queue"]]
        handles.append(done["sqs_message"]["ReceiptHandle"])
        # Once the loop has ended nothing comes by later.
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
            with _losing("Messages that were done could not be deleted; they come again."):
                told = self.sqs().delete_message_batch(
                    QueueUrl=url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": handle}
                        for number, handle in enumerate(handles)
                    ],
                )
                for failed in told.get("Failed", []):
                    logger.warning("A message that was done could not be deleted: %s.", failed)

    def basic_reject(self, delivery_tag: str, requeue: bool = False) -> None:  # noqa: FBT001, FBT002
        """
        Leave a message in its queue: SQS gives it back, counts, and gives it up in the end.

        Never a second copy, which would begin to be counted anew, and never deleted: each of our
        queues has a dead-letter queue.
        """
        with _losing("A message that failed could not be put off; it comes again."):
            self.qos.reject(delivery_tag, requeue=False)

    def give_back(self, url: str, tags: Iterable[str]) -> None:
        """Let messages that were fetched and not begun be seen again at once."""
        with _losing("Messages could not be given back; they come again later."):
            for some in _batches(list(tags)):
                self.sqs().change_message_visibility_batch(
                    QueueUrl=url,
                    Entries=[
                        {"Id": str(number), "ReceiptHandle": tag, "VisibilityTimeout": 0}
                        for number, tag in enumerate(some)
                    ],
                )

    def sqs(self, queue: str | None = None) -> Any:
        """Return the one client for all queues: to make one takes a while."""
        if self.connection.client_of_all is None:
            self.connection.client_of_all = self.new_sqs_client(
                region=self.region,
                access_key_id=self.conninfo.userid,
                secret_access_key=self.conninfo.password,
            )
        return self.connection.client_of_all

    def _size(self, queue: str) -> int:
        # Kombu asks when a worker starts and before a process sends its first message, and does
        # nothing with the answer but wait for it.
        return 0


class Transport(SQS.Transport):
    """SQS, named in the settings as `ticketing.queue.transport:Transport`."""

    Channel = Channel

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        self.client_of_all: Any = None


@contextmanager
def _losing(what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - to lose it is the point: SQS still has the message
        logger.warning("%s %s: %s", what, type(error).__name__, error)


def _batches(tags: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(tags), _MOST_AT_ONCE):
        yield tags[start : start + _MOST_AT_ONCE]
