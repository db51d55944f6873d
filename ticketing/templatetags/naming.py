"""Names of form fields for screen readers."""

from django import template
from django.forms import BoundField
from django.utils.safestring import SafeString
from django.utils.text import capfirst

register = template.Library()


@register.filter
def named(field: BoundField) -> SafeString:
    """Return a field with its label as its name, for a table, where no label stands beside it."""
    return field.as_widget(attrs={"aria-label": capfirst(str(field.label))})
