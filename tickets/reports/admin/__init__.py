"""The admin of exports and of scheduled reports."""

from tickets.reports.admin.exports import ExportAdmin
from tickets.reports.admin.schedules import ScheduledReportAdmin

__all__ = ["ExportAdmin", "ScheduledReportAdmin"]
