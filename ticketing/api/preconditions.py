"""`If-Match`: refuse a change that is based on an old copy, so that no update gets lost."""

import re
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from ticketing.api.freshness import revision_in
from ticketing.errors import Invalid, Stale

_HEADER: Final = "If-Match"
_SENT_HEADER: Final = "HTTP_IF_MATCH"
_ANY: Final = "*"
_TAG: Final = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"'
_TAG_ASCII: Final = r'(W/)?"[!#-~]*"'
_TAGS: Final = re.compile(rf"{_TAG}(?:[ \t]*,[ \t]*{_TAG})*")


class PreconditionFailed(Stale):
    """The current state is not the one that the caller's `If-Match` names."""

    code = "precondition_failed"
    title = "It has changed since you read it"


class IfMatchNotValid(Invalid):
    """The header is neither `*` nor a list of entity tags."""

    code = "invalid_if_match"
    title = "This is not an If-Match"
    pointer = _HEADER
    place: ClassVar[str] = "header"


# The header parameter, for the document of each endpoint that takes it.
IF_MATCH: Final = OpenApiParameter(
    _HEADER,
    {"type": "string", "pattern": rf"^(\*|{_TAG_ASCII}(, *{_TAG_ASCII})*)$"},
    OpenApiParameter.HEADER,
    description="The `ETag` of the copy that you change. If it has changed since then, nothing is"
    " done and the response is 412. `*` means any copy.",
)


@dataclass(frozen=True, slots=True)
class Precondition:
    """The `If-Match` of a request. Without the header, or with `*`, every state matches."""

    # None if every state matches. Weak tags are left out, because by RFC 9110 they never match.
    tags: frozenset[str] | None

    def check_tag(self, etag: str) -> None:
        """
        Return if the entity tag of the current state is one of the tags.

        :raises PreconditionFailed: if it is another
        """
        if self.tags is not None and etag not in self.tags:
            raise _refuse()

    def check_revision(self, revision: int) -> None:
        """
        Return if one of the tags has this revision.

        Availability changes the tag at every sale, but not the revision, so a sale does not make an
        organizer's copy stale.

        :raises PreconditionFailed: if all tags have other revisions
        """
        if self.tags is not None and revision not in map(revision_in, self.tags):
            raise _refuse()


def read_if_match(request: Request) -> Precondition:
    """
    Return the precondition in the request's `If-Match`.

    :raises IfMatchNotValid: if the header cannot be parsed
    """
    sent: Any = request.META.get(_SENT_HEADER)
    if sent is None or sent.strip() == _ANY:
        return Precondition(None)
    if not _TAGS.fullmatch(sent.strip()):
        raise IfMatchNotValid(
            'This is not a list of entity tags. Send the `ETag` with its quotes: `If-Match: "…"`.'
        )
    tags = re.findall(_TAG, sent)
    return Precondition(frozenset(tag for tag in tags if not tag.startswith("W/")))


def _refuse() -> PreconditionFailed:
    return PreconditionFailed(
        "Your `If-Match` does not match the current state. Read it again and send the new `ETag`. A"
        " weak tag (`W/`) never matches."
    )
