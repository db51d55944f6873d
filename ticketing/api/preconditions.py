"""`If-Match`: a change that was made from an old copy is refused, so no update gets lost."""

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
    """It is not, or not any more, what the caller has seen."""

    code = "precondition_failed"
    title = "It has changed since you read it"


class IfMatchNotValid(Invalid):
    """Neither `*` nor a list of entity tags."""

    code = "invalid_if_match"
    title = "This is no If-Match"
    pointer = _HEADER
    place: ClassVar[str] = "header"


# For the document of each endpoint that takes one.
IF_MATCH: Final = OpenApiParameter(
    _HEADER,
    {"type": "string", "pattern": rf"^(\*|{_TAG_ASCII}(, *{_TAG_ASCII})*)$"},
    OpenApiParameter.HEADER,
    description="The `ETag` of the copy that you change. If it has changed since, nothing is done"
    " and the answer is 412. `*` means any copy.",
)


@dataclass(frozen=True, slots=True)
class Precondition:
    """What a request's `If-Match` asks for. Without the header, and with `*`, anything fits."""

    # None: anything fits. Weak tags are left out: by RFC 9110 they never match.
    tags: frozenset[str] | None

    def check_tag(self, etag: str) -> None:
        """
        Go on if the present representation has one of the tags.

        :raises PreconditionFailed: if it has another
        """
        if self.tags is not None and etag not in self.tags:
            raise _refuse()

    def check_revision(self, revision: int) -> None:
        """
        Go on if one of the tags is of this revision.

        Live figures, which change with every sale, make another tag and no other revision.

        :raises PreconditionFailed: if all are of others
        """
        if self.tags is not None and revision not in map(revision_in, self.tags):
            raise _refuse()


def read_if_match(request: Request) -> Precondition:
    """
    Return what the request's `If-Match` asks for.

    :raises IfMatchNotValid: if it cannot be read
    """
    sent: Any = request.META.get(_SENT_HEADER)
    if sent is None or sent.strip() == _ANY:
        return Precondition(None)
    if not _TAGS.fullmatch(sent.strip()):
        raise IfMatchNotValid('Send the `ETag` as it came, with its quotes: `If-Match: "…"`.')
    tags = re.findall(_TAG, sent)
    return Precondition(frozenset(tag for tag in tags if not tag.startswith("W/")))


def _refuse() -> PreconditionFailed:
    return PreconditionFailed(
        "Your `If-Match` is not of its present state. Read it again, and send its `ETag`. A weak"
        " tag (`W/`) never matches."
    )
