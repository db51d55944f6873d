"""The mail with the link to the file of an export, in the export's language."""

from datetime import timedelta

from django.conf import settings
from django.urls import reverse
from django.utils import formats, translation
from django.utils.translation import gettext

from events.wording import show_hour
from ticketing.letters import HtmlMail
from ticketing.mail_templates import render_mail
from tickets.reports.models import Export
from tickets.reports.tables import zone_of_export


def compose_export_mail(export: Export) -> HtmlMail:
    """
    Return the mail for the user who asked for an export. It is not sent yet.

    The link needs a signed-in user with the right to export, and has no secret in it.
    """
    with translation.override(export.language):
        until = export.expires_at.astimezone(zone_of_export(export))
        page = reverse("admin:reports_export_download", args=[export.pk])
        context = {
            "title": _title_of(export),
            "about": (export.event or export.organizer).name,
            "period": show_period(export),
            "rows": formats.number_format(export.rows, use_l10n=True, force_grouping=True),
            "until": f"{formats.date_format(until, 'SHORT_DATE_FORMAT')}, {show_hour(until)}",
            "link": f"{settings.PUBLIC_URL}{page}",
        }
        subject = f"{context['title']}: {context['about']}"
        return render_mail(
            "reports/mail/export", context, subject=subject, to=[export.asked_by.email]
        )


def show_period(export: Export) -> str:
    """Return the days of an export, such as "1/11/2026 to 30/11/2026", or "" for all."""
    if not export.since or not export.until:
        return ""
    zone = zone_of_export(export)
    first = export.since.astimezone(zone)
    last = (export.until - timedelta(microseconds=1)).astimezone(zone)
    days = [formats.date_format(day, "SHORT_DATE_FORMAT") for day in (first, last)]
    if days[0] == days[1]:
        return days[0]
    return gettext("%(first)s to %(last)s") % {"first": days[0], "last": days[1]}


def _title_of(export: Export) -> str:
    kind = str(export.get_kind_display())
    if export.schedule is None:
        return gettext("Your export is ready: %(kind)s") % {"kind": kind}
    frequency = export.schedule.get_frequency_display()
    return gettext("Your %(frequency)s report is ready: %(kind)s") % {
        "frequency": frequency,
        "kind": kind,
    }
