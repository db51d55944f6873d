"""The view that shows programs the terms that an event's buyers accept."""

from typing import Any

from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.access import EventNotFound
from events.catalogue import find_event
from events.models import EventStatus, TermsVersion
from events.terms import terms_in_force, terms_link
from ticketing.api.fields import show_moment
from ticketing.api.schema import operation


class TextsShown(serializers.Serializer[Any]):
    """The same in two languages. Each is a text, or only the address of a page, or empty."""

    pt = serializers.CharField(allow_blank=True)
    en = serializers.CharField(allow_blank=True)


class TermsShown(serializers.Serializer[Any]):
    """The version of an organizer's terms that is in force. null and empty if it has none."""

    version = serializers.IntegerField(
        allow_null=True, help_text="Send it as `accepted_terms` with the payment."
    )
    is_required = serializers.BooleanField(help_text="Whether a payment needs `accepted_terms`.")
    valid_from = serializers.DateTimeField(allow_null=True)
    url = serializers.URLField(
        allow_null=True, help_text="A page with this version, in the reader's language."
    )
    terms_of_sale = TextsShown()
    privacy_notice = TextsShown()


class EventTerms(APIView):
    @operation(
        "get_event_terms",
        anyone=True,
        answers={200: TermsShown},
        refusals=[EventNotFound],
    )
    def get(self, request: Request, reference: str) -> Response:
        """
        Return the terms of sale and the privacy notice of an event's organizer.

        Show them before the payment. Let the buyer accept the terms of sale; a privacy notice is
        only to be read.
        """
        event = find_event(reference)
        if event is None or event.status == EventStatus.DRAFT:
            raise EventNotFound("No event on sale has that id or slug.")
        organizer = event.organizer
        version = terms_in_force(organizer)
        return Response(
            {
                "version": version and version.number,
                "is_required": organizer.requires_terms,
                "valid_from": version and show_moment(version.valid_from),
                "url": version and terms_link(organizer, version.number),
                **_show_texts(version or TermsVersion()),
            }
        )


def _show_texts(version: TermsVersion) -> dict[str, Any]:
    return {
        "terms_of_sale": {"pt": version.sale_pt, "en": version.sale_en},
        "privacy_notice": {"pt": version.privacy_pt, "en": version.privacy_en},
    }
