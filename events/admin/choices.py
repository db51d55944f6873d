"""Choices as forms offer them."""

from typing import Any

from django.db.models import TextChoices
from django.utils.text import format_lazy


def choices_with_names(choices: type[TextChoices]) -> list[tuple[str, Any]]:
    """Return choices in words, each with the name that programs and their documents call it by."""
    return [(name, format_lazy("{} · {}", words, name)) for name, words in choices.choices]
