"""Sending a file that a person downloads."""

from django.http import HttpResponse
from django.utils.http import content_disposition_header


def send_file(content: bytes, kind: str, name: str, *, as_attachment: bool) -> HttpResponse:
    """Return a file of one person: no search engine lists it, and no browser guesses its type."""
    response = HttpResponse(content, content_type=kind)
    disposition = content_disposition_header(as_attachment, name)
    response.headers["Content-Disposition"] = disposition or "inline"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
