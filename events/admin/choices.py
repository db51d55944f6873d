"""Labels of choices in forms."""

from typing import Any

from django.db.models import TextChoices
from django.utils.text import format_lazy


def choices_with_names(choices: type[TextChoices]) -> list[tuple[str, Any]]:
    """Return choices whose labels end in the name that the API uses, such as `orders:read`."""
    return [(name, format_lazy("{} · {}", words, name)) for name, words in choices.choices]
