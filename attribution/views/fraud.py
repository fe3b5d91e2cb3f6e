"""The page of fraud: every rule with what it has struck, the flags that are up, evidence for partners."""

from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_POST, require_safe

from attribution import links, rule_sets
from attribution.fraud import changes, evidence
from attribution.fraud import rules as fraud
from attribution.fraud.catalogue import RULES
from attribution.fraud.evidence import Case
from attribution.models import EvidenceShare, NetworkRange
from attribution.views.fraud_flags import shown_flag
from attribution.views.fraud_lines import LEVELS, line_of, sources_of
from attribution.views.shared import period_of, wants_csv
from customers.models import Project
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core import charts, formats
from growthplatform.core.download import csv_file
from growthplatform.core.errors import InvalidField
from growthplatform.core.http import page
from growthplatform.core.periods import Period

FILE_ROWS = 50_000
CASE_HEAD = (
    "decision", "installed_at", "touch_id", "network_click_id", "clicked_at", "source", "publisher", "campaign", "code",
    "value", "threshold", "action", "credited",
)  # fmt: skip
PARTNER_HEAD = tuple(name for name in CASE_HEAD if name != "decision")


@project_page
@require_safe
def fraud_list(request: PageRequest) -> HttpResponse:
    """Show every rule with its threshold and what it has struck, the flags that are up, and shared evidence."""
    period = period_of(request)
    tallies = evidence.tallies(request.project.pk, period.start, period.until)
    version = rule_sets.current([request.project.pk])[request.project.pk]
    said = fraud.settings(version.rules)
    lines = [line_of(rule, said, tallies) for rule in RULES]
    if wants_csv(request):
        found = evidence.cases(request.project.pk, period.start, period.until, limit=FILE_ROWS)
        return csv_file("fraud", CASE_HEAD, (_case_row(case) for case in found))
    which = request.GET.get("flags", "")
    flags = request.project.fraud_flags.order_by("-updated_at", "-pk")
    up = flags.filter(until=None, dismissed_at=None)
    shown = flags if which == "all" else up
    context = {
        "period": period,
        "levels": [(name, [line for line in lines if line.rule.level == level]) for level, name in LEVELS.items()],
        "kpis": _kpis(request.project, period, up.count()),
        "version": version.version,
        "which": which,
        "flags": [shown_flag(flag) for flag in shown[:100]],
        "shares": changes.live_shares(request.project, now=timezone.now()),
        "lists": NetworkRange.objects.exists(),
        "sources": sources_of(request.project, period),
    }
    return page(request, "attribution/fraud_list.html", context)


def _kpis(project: Project, period: Period, up: int) -> list[charts.Kpi]:
    def count(start: datetime, end: datetime) -> tuple[int, int, int]:
        rows = project.decisions.filter(installed_at__gte=start, installed_at__lt=end)
        blocked = evidence.blocked_installs(project.pk, start, end)
        return rows.filter(rejected=True).count(), blocked, rows.count()

    now, past = count(period.start, period.until), period.previous
    before = count(past.start, past.until) if past else (None, None, None)

    def kpi(label: str, place: int, help_text: str) -> charts.Kpi:
        old = before[place]
        text = formats.count(old) if old is not None else ""
        return charts.Kpi(label, formats.count(now[place]), help_text, now[place], old, text, falling_good=True)

    return [
        kpi("Installs rejected", 0, "First opens that a blocking rule struck themselves; counted nowhere else"),
        kpi("Installs with a blocked click", 1, "A blocked click was weighed for them, and something else won"),
        charts.Kpi("Flags up", formats.count(up), "Sources and publishers that look wrong as a whole, now"),
        charts.Kpi("Installs looked at", formats.count(now[2]), "All installs decided in the period"),
    ]


def _case_row(case: Case) -> tuple[Any, ...]:
    return (f"dec_{case.decision_id}", *partner_row(case))


def partner_row(case: Case) -> tuple[Any, ...]:
    """Return what a partner may see of a case: its own click, and what was measured."""
    return (
        case.installed_at, case.touch_id, case.network_click_id, case.clicked_at, case.source, case.publisher,
        case.campaign, case.code, case.value, case.threshold, case.action, case.credited,
    )  # fmt: skip


@project_page
@editors_only
@require_POST
def fraud_share(request: PageRequest) -> HttpResponse:
    """Make an address with the evidence against one source, and show it once."""
    today = timezone.localtime(timezone.now(), request.project.tz).date()
    first = parse_date(request.POST.get("from", "")) or today - timedelta(days=30)
    last = parse_date(request.POST.get("to", "")) or today
    try:
        made, token = changes.share(
            request.project,
            request.POST.get("source", ""),
            since=datetime.combine(first, time(), request.project.tz),
            until=datetime.combine(last + timedelta(days=1), time(), request.project.tz),
            user=request.user,
            now=timezone.now(),
        )
    except InvalidField as wrong:
        messages.error(request, wrong.detail[0]["message"])
        return HttpResponseRedirect(reverse("attribution:fraud", args=[request.project.slug]))
    address = f"{links.base_address(request)}{reverse('attribution:evidence', args=[token])}"
    return page(request, "attribution/fraud_shared.html", {"share": made, "address": address})


@project_page
@editors_only
@require_POST
def fraud_unshare(request: PageRequest, share_id: int) -> HttpResponse:
    """Close a partner's address."""
    made = get_object_or_404(EvidenceShare, project=request.project, pk=share_id)
    changes.revoke(made, now=timezone.now())
    messages.success(request, "The address is closed.")
    return HttpResponseRedirect(reverse("attribution:fraud", args=[request.project.slug]))
