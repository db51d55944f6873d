"""The messages that a worker has taken and not finished."""

from collections import defaultdict
from typing import Any

from kombu.transport import SQS


class QoS(SQS.QoS):
    """What the worker has in hand."""

    def let_go(self, delivery_tag: str) -> None:
        """Count a message no longer that could not be taken."""
        if delivery_tag in self._delivered:
            self._quick_ack(delivery_tag)

    def restore_unacked(self) -> list[Any]:
        """Give back what was fetched and not begun: the other workers see it at once."""
        self._flush()
        tags_by_url = defaultdict(list)
        while self._delivered:
            tag, message = self._delivered.popitem()
            tags_by_url[message.delivery_info["sqs_queue"]].append(tag)
        for url, tags in tags_by_url.items():
            self.channel.give_back(url, tags)
        return []
