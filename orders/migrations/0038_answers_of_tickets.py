"""The tickets that answers are for.

A migration of its own: a transaction that locks two tables of a sale can deadlock with it.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("orders", "0037_questions")]

    operations = [
        migrations.AddField(
            model_name="answer",
            name="item",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='answers', to='orders.orderitem'),
        ),
        migrations.AddConstraint(model_name="answer", constraint=models.UniqueConstraint(fields=('order', 'question', 'item', 'position'), name='one_answer_per_place', nulls_distinct=False)),
        migrations.AddConstraint(model_name="answer", constraint=models.CheckConstraint(condition=models.Q(models.Q(('item__isnull', True), ('position', 0)), models.Q(('item__isnull', False), ('position__gte', 1)), _connector='OR'), name='answer_is_for_order_or_ticket')),
    ]
