"""The model of buyers' answers to an organizer's questions."""

from django.db import models
from django.db.models import Q

from events.models import Question


class Answer(models.Model):
    """
    A buyer's answer, for the order or for one of its tickets.

    A ticket is named by its item and its position, which it has before it is paid, and which a
    replacement keeps.
    """

    order = models.ForeignKey("orders.Order", on_delete=models.PROTECT, related_name="answers")
    question = models.ForeignKey(Question, on_delete=models.PROTECT, related_name="answers")
    item = models.ForeignKey(
        "orders.OrderItem", on_delete=models.PROTECT, null=True, related_name="answers"
    )
    # From 1 to the item's quantity. 0: the answer is for the order.
    position = models.PositiveSmallIntegerField(default=0)
    # A text, a list of chosen texts, or true or false, by the question's kind.
    value = models.JSONField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["order", "question", "item", "position"],
                nulls_distinct=False,
                name="one_answer_per_place",
            ),
            models.CheckConstraint(
                condition=Q(item__isnull=True, position=0) | Q(item__isnull=False, position__gte=1),
                name="answer_is_for_order_or_ticket",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.question_id} {self.position}"
