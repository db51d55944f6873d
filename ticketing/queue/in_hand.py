"""The messages that a worker has received and not finished."""

from collections import defaultdict
from typing import Any

from kombu.transport import SQS


class QoS(SQS.QoS):
    """Kombu's record of the messages that the worker has received and not acknowledged."""

    def forget(self, delivery_tag: str) -> None:
        """Remove a message that the worker could not accept, so that it occupies no place."""
        if delivery_tag in self._delivered:
            self._quick_ack(delivery_tag)

    def restore_unacked(self) -> list[Any]:
        """Return messages that were not begun to their queues: other workers get them at once."""
        self._flush()
        tags_by_url = defaultdict(list)
        while self._delivered:
            tag, message = self._delivered.popitem()
            tags_by_url[message.delivery_info["sqs_queue"]].append(tag)
        for url, tags in tags_by_url.items():
            self.channel.give_back(url, tags)
        return []
