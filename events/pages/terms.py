"""The page with an organizer's terms of sale and privacy notice, for everybody."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from events.models import TermsVersion
from events.terms import is_address
from ticketing.pages.shop import show_public_page


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the page: its heading, and a text in some language, or the address of a page."""

    heading: str
    text: str
    is_address: bool
    language: str


def show_terms_page(request: HttpRequest, slug: str, number: str = "") -> HttpResponse:
    """
    Show a version of an organizer's terms, or the one in force, in the reader's language.

    What the organizer has written in one language only is shown in that language.

    :raises Http404: if there is no such organizer or version
    """
    versions = TermsVersion.objects.select_related("organizer").filter(organizer__slug=slug)
    # Longer numbers than the column holds are those of no version.
    chosen = versions.filter(number=number) if number else versions.order_by("-number")[:1]
    version = chosen.get() if len(number) < 10 and chosen.exists() else None  # noqa: PLR2004 - digits
    if version is None:
        raise Http404
    organizer = version.organizer
    language = get_language() or "pt-br"
    context = {
        "reader": language,
        "version": version,
        "organizer": organizer,
        "is_in_force": version.number == organizer.terms_number,
        "parts": _parts(version, language),
    }
    return show_public_page(request, "events/terms.html", context)


def _parts(version: TermsVersion, language: str) -> list[Part]:
    wanted = [
        (_("Terms of sale"), {"pt-br": version.sale_pt, "en": version.sale_en}),
        (_("Privacy notice"), {"pt-br": version.privacy_pt, "en": version.privacy_en}),
    ]
    parts = []
    for heading, texts in wanted:
        # The reader's language first; then whatever there is.
        for each in sorted(texts, key=lambda code: code != language):
            if text := texts[each]:
                parts.append(Part(heading, text, is_address(text), each))
                break
    return parts
