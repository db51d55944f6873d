"""An organizer's terms of sale and privacy notice: save a version, and require its acceptance."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.text import slugify

from events.models import Organizer, TermsVersion
from ticketing.actors import Actor, record_act
from ticketing.errors import Conflict
from ticketing.field_changes import FieldChange, details_of
from ticketing.ids import new_code
from ticketing.models import ActType

_SLUG_LENGTH: Final = 60


@dataclass(frozen=True, slots=True)
class Texts:
    """Each is a text, or only the address of a page: `is_address`. One at least is not empty."""

    sale_pt: str = ""
    sale_en: str = ""
    privacy_pt: str = ""
    privacy_en: str = ""


class TermsMissing(Conflict):
    """Without terms of sale there is nothing that a buyer could accept."""

    code = "terms_missing"
    title = "There are no terms of sale"


@transaction.atomic
def save_terms(
    *, organizer_id: UUID, texts: Texts, is_required: bool, actor: Actor, now: datetime
) -> TermsVersion:
    """
    Put texts into force as a new version, and say whether buyers must accept them before they pay.

    Texts that are in force already make no version: then the one in force is returned.

    :raises TermsMissing: if acceptance is required, and there are no terms of sale
    """
    if is_required and not (texts.sale_pt or texts.sale_en):
        raise TermsMissing("Write terms of sale, or do not require buyers to accept them.")
    # The lock: of two versions at once, each needs a number of its own.
    organizer = Organizer.objects.select_for_update().get(pk=organizer_id)
    version = terms_in_force(organizer)
    if version is None or texts_of(version) != texts:
        version = TermsVersion.objects.create(
            organizer=organizer,
            number=(organizer.terms_number or 0) + 1,
            valid_from=now,
            **asdict(texts),
        )
        _record(ActType.TERMS_SAVED, organizer, actor, now, {"version": version.number})
    if organizer.requires_terms != is_required:
        change = FieldChange("requires_terms", organizer.requires_terms, is_required)
        _record(ActType.ORGANIZER_CHANGED, organizer, actor, now, details_of([change]))
    organizer.slug = organizer.slug or _free_slug(organizer.name)
    organizer.terms_number = version.number
    organizer.requires_terms = is_required
    organizer.save(update_fields=["slug", "terms_number", "requires_terms"])
    return version


def terms_in_force(organizer: Organizer) -> TermsVersion | None:
    """Return the version that the organizer's buyers are shown now."""
    if organizer.terms_number is None:
        return None
    return TermsVersion.objects.get(organizer=organizer, number=organizer.terms_number)


def is_address(text: str) -> bool:
    """Return whether a text is only the address of a page."""
    return re.fullmatch(r"https?://\S+", text) is not None


def texts_of(version: TermsVersion) -> Texts:
    """Return the texts of a version."""
    return Texts(version.sale_pt, version.sale_en, version.privacy_pt, version.privacy_en)


def terms_link(organizer: Organizer, number: int | None = None) -> str:
    """Return the public address of an organizer's terms: of a version, or of the one in force."""
    link = f"{settings.PUBLIC_URL}/terms/{organizer.slug}"
    return f"{link}/{number}" if number else link


def _record(
    act: ActType, organizer: Organizer, actor: Actor, now: datetime, details: Mapping[str, Any]
) -> None:
    record_act(
        act=act,
        actor=actor,
        subject_id=organizer.pk,
        organizer_id=organizer.pk,
        at=now,
        details=details,
    )


def _free_slug(name: str) -> str:
    base = slugify(name)[:_SLUG_LENGTH].strip("-") or "organizer"
    if not Organizer.objects.filter(slug=base).exists():
        return base
    # Two organizers of one name at once: the constraint refuses one, and a repeat succeeds.
    return f"{base}-{new_code(5).lower()}"
