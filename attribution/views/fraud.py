"""The pages of fraud: every rule with what it has struck, one rule with what it would have done, flags, evidence."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from attribution import links, rule_sets
from attribution.fraud import changes, effects, evidence, hourly
from attribution.fraud import rules as fraud
from attribution.fraud.catalogue import BLOCK, BY_CODE, FLAG, OFF, RULES, SIGNATURE_BREAKER, Level, Rule
from attribution.fraud.evidence import Case, Tally, written
from attribution.fraud.sources import EDGES_S
from attribution.models import Decision, EvidenceShare, FraudFlag, NetworkRange
from attribution.views.shared import period_of, wants_csv
from customers.models import Project
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core import charts, formats
from growthplatform.core.download import csv_file
from growthplatform.core.errors import InvalidField, Problem
from growthplatform.core.http import page
from growthplatform.core.periods import Period

LEVELS: dict[Level, str] = {
    "touch": "A click by itself",
    "install": "An install by itself",
    "source": "A source or publisher as a whole",
    "conversion": "Revenue",
}
KINDS = {OFF: "", FLAG: "warn", BLOCK: "bad"}
WORDS = {OFF: "Off", FLAG: "Flags", BLOCK: "Blocks"}
BREAKER = Rule(
    SIGNATURE_BREAKER,
    "Most signatures fail",
    "source",
    "More than half of a source's clicks fail their signature, so that something is broken rather than forged: the rule"
    " about signatures only flags them until that ends.",
    FLAG,
    0.5,
    "share",
    fixed=True,
    measures="of its clicks within an hour had no valid signature",
)
MULTIPLES = (0.25, 0.5, 1, 2, 4)
FILE_ROWS = 50_000
CASE_HEAD = (
    "decision", "installed_at", "touch_id", "network_click_id", "clicked_at", "source", "publisher", "campaign", "code",
    "value", "threshold", "action", "credited",
)  # fmt: skip
PARTNER_HEAD = tuple(name for name in CASE_HEAD if name != "decision")


@dataclass(frozen=True)
class Line:
    """A rule as the project has it, and what it has struck."""

    rule: Rule
    action: str
    threshold: float
    tally: Tally

    @property
    def words(self) -> str:
        return WORDS[self.action]

    @property
    def kind(self) -> str:
        return KINDS[self.action]

    @property
    def limit(self) -> str:
        if not self.rule.unit:
            return ""
        return f"{'below' if self.rule.below else 'above'} {written(self.threshold, self.rule.unit)}"

    @property
    def changed(self) -> bool:
        """Say whether the project has set it otherwise than the catalogue."""
        return (self.action, self.threshold) != (self.rule.action, self.rule.threshold)


def _rule(code: str) -> Rule:
    rule = BY_CODE.get(code)
    if rule is None:
        raise Http404("There is no such rule.")
    return rule


def _line(rule: Rule, said: dict[str, fraud.Setting], tallies: dict[str, Tally]) -> Line:
    return Line(rule, *said[rule.code], tallies.get(rule.code, Tally()))


@project_page
@require_safe
def fraud_list(request: PageRequest) -> HttpResponse:
    """Show every rule with its threshold and what it has struck, the flags that are up, and shared evidence."""
    period = period_of(request)
    tallies = evidence.tallies(request.project.pk, period.start, period.until)
    version = rule_sets.current([request.project.pk])[request.project.pk]
    said = fraud.settings(version.rules)
    lines = [_line(rule, said, tallies) for rule in RULES]
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
        "sources": _sources(request.project, period),
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


def _sources(project: Project, period: Period) -> list[str]:
    rows = project.decisions.filter(installed_at__gte=period.start).exclude(source="organic")
    flagged = project.fraud_flags.values_list("source", flat=True)
    return sorted({*rows.values_list("source", flat=True).distinct(), *flagged})


def _case_row(case: Case) -> tuple[Any, ...]:
    return (f"dec_{case.decision_id}", *partner_row(case))


def partner_row(case: Case) -> tuple[Any, ...]:
    """Return what a partner may see of a case: its own click, and what was measured."""
    return (
        case.installed_at, case.touch_id, case.network_click_id, case.clicked_at, case.source, case.publisher,
        case.campaign, case.code, case.value, case.threshold, case.action, case.credited,
    )  # fmt: skip


@dataclass(frozen=True)
class ShownFlag:
    """A flag with its rule, and its value and limit in words."""

    flag: FraudFlag
    rule: Rule
    value: str
    limit: str


def shown_flag(flag: FraudFlag) -> ShownFlag:
    rule = BY_CODE.get(flag.code, BREAKER)
    value, limit = (float(flag.evidence.get(name) or 0) for name in ("value", "threshold"))
    return ShownFlag(flag, rule, written(value, rule.unit), written(limit, rule.unit))


@project_page
@require_http_methods(["GET", "HEAD", "POST"])
def fraud_rule(request: PageRequest, code: str) -> HttpResponseBase:
    """Show a rule, what it has struck and would have struck; on POST publish it changed."""
    rule = _rule(code)
    if request.method == "POST":
        return _change_rule(request, rule)
    return page(request, "attribution/fraud_rule.html", _rule_context(request, rule))


@editors_only
def _change_rule(request: PageRequest, rule: Rule) -> HttpResponse:
    asked = _asked(request.POST.get("threshold", ""), rule)
    base = request.POST.get("base", "")
    try:
        made = changes.set_rule(
            request.project,
            rule.code,
            action=request.POST.get("action", ""),
            threshold=asked,
            user=request.user,
            source=_source(request, rule),
            base=int(base) if base.isdecimal() else None,
        )
    except InvalidField as wrong:
        errors = {one["field"]: one["message"] for one in wrong.detail}
        return page(request, "attribution/fraud_rule.html", _rule_context(request, rule, errors=errors), status=422)
    except rule_sets.RulesOvertaken as wrong:
        messages.error(request, wrong.message)
        return HttpResponseRedirect(request.get_full_path())
    messages.success(request, f"{rule.name} is set in version {made.version} of the rules. New installs follow it.")
    return HttpResponseRedirect(request.get_full_path())


def _source(request: PageRequest, rule: Rule) -> str:
    """Return the source that the rule is looked at for, "" for all; only rules about clicks can differ."""
    source = request.GET.get("source", "").replace("\x00", "")[:60]
    return source if rule.level in {"touch", "source"} and not rule.fixed else ""


def _asked(text: str, rule: Rule) -> float | None:
    """Return a threshold as somebody typed it, shares in per cent; NaN, which no threshold may be, where it is none."""
    text = text.strip().replace(",", ".").rstrip("%").strip()
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        return float("nan")
    return number / 100 if rule.unit == "share" else number


def _rule_context(request: PageRequest, rule: Rule, *, errors: dict[str, str] | None = None) -> dict[str, Any]:
    now, period = timezone.now(), period_of(request)
    source = _source(request, rule)
    version = rule_sets.current([request.project.pk])[request.project.pk]
    line = _line(
        rule,
        fraud.settings(hourly.rules_for(version.rules, source)),
        evidence.tallies(request.project.pk, now - effects.SPAN, now),
    )
    typed = request.POST if errors else None
    flags = request.project.fraud_flags.filter(code=rule.code).order_by("-updated_at", "-pk")
    return {
        "rule": rule,
        "level": LEVELS[rule.level],
        "line": line,
        "source": source,
        "sources": [] if rule.fixed or rule.level not in {"touch", "source"} else _sources(request.project, period),
        "period": period,
        "version": version.version,
        "errors": errors or {},
        "action": typed.get("action", "") if typed else line.action,
        "threshold": typed.get("threshold", "") if typed else _typed(line.threshold, rule),
        "usual": written(rule.threshold, rule.unit) if rule.unit else "",
        "usual_word": WORDS[rule.action].lower(),
        "unit": "%" if rule.unit == "share" else rule.unit,
        "actions": _actions(rule),
        "flags": [shown_flag(flag) for flag in flags[:50]],
        "cases": list(evidence.cases(request.project.pk, now - effects.SPAN, now, code=rule.code, limit=20))
        if rule.level != "conversion"
        else [],
        "effect_url": reverse("attribution:fraud-effect", args=[request.project.slug, rule.code]),
        "special": sorted(
            name for name, part in version.rules.sources.items() if rule.code in (part.get("fraud") or {})
        ),
    }


def _typed(threshold: float, rule: Rule) -> str:
    return f"{threshold * 100 if rule.unit == 'share' else threshold:.10g}"


def _actions(rule: Rule) -> list[tuple[str, str, str]]:
    blocked = {
        "touch": "The click can't win; the next honest one does, or the install is organic.",
        "source": "Its clicks can't win; the next honest one does, or the install is organic.",
        "install": "The install is rejected: shown, but counted for nobody.",
        "conversion": "It is kept, but not counted.",
    }[rule.level]
    return [
        (BLOCK, "Block", blocked),
        (FLAG, "Flag", "It is marked with the evidence; nothing else changes."),
        (OFF, "Off", "It is not looked at."),
    ]


@project_page
@require_safe
def fraud_effect(request: PageRequest, code: str) -> HttpResponse:
    """Show, as a fragment, what a rule would have struck in the last 30 days at the threshold asked for."""
    rule = _rule(code)
    source = _source(request, rule)
    version = rule_sets.current([request.project.pk])[request.project.pk]
    present = fraud.setting(hourly.rules_for(version.rules, source), code)[1]
    asked = _asked(request.GET.get("threshold", ""), rule)
    threshold = present if asked is None or not 0 <= asked < changes.MOST else asked
    context: dict[str, Any] = {"rule": rule, "threshold": written(threshold, rule.unit) if rule.unit else ""}
    try:
        if rule.level == "source":
            judged = effects.sources_at(request.project, code, threshold, now=timezone.now())
            judged = [one for one in judged if source in {"", one.source}]
            context |= {
                "judged": [(one, written(one.value, rule.unit)) for one in judged[:50]],
                "struck": [one for one in judged if one.strikes],
                "installs": sum(one.installs for one in judged if one.strikes),
            }
        elif rule.level != "conversion":
            past = effects.past_of(request.project, code, now=timezone.now())
            past = past.of(source) if source else past
            effect = past.at(threshold)
            context |= {"effect": effect, "ladder": _ladder(past, rule, threshold, present)}
            context["examples"] = Decision.objects.filter(pk__in=effect.examples).order_by("-installed_at")
    except Problem as problem:
        context["problem"] = problem.message
    return page(request, "attribution/fraud_effect.html", context)


def _ladder(
    past: effects.Past, rule: Rule, threshold: float, present: float
) -> list[tuple[str, effects.Effect, bool, bool]]:
    """Return what lower and higher thresholds strike: in words, effect, is it the one asked for, the present one."""
    if not rule.unit:
        return []
    rungs = sorted({round(present * multiple, 6) for multiple in MULTIPLES} | {threshold, present})
    return [(written(rung, rule.unit), past.at(rung), rung == threshold, rung == present) for rung in rungs]


@project_page
@require_safe
def fraud_flag(request: PageRequest, flag_id: int) -> HttpResponse:
    """Show one flag with all its evidence."""
    flag = get_object_or_404(request.project.fraud_flags.select_related("dismissed_by"), pk=flag_id)
    until = flag.until or timezone.now()
    context = {
        "one": shown_flag(flag),
        "figure": times_figure(flag),
        "facts": facts_of(flag),
        "cases": [
            case
            for case in evidence.cases(request.project.pk, flag.since, until, code=flag.code, source=flag.source)
            if flag.publisher in {"", case.publisher}
        ][:20],
    }
    return page(request, "attribution/fraud_flag.html", context)


FACTS = {
    "installs": "Installs looked at",
    "clicks": "Clicks looked at",
    "repeated": "Of them by devices that clicked more than 20 times",
    "badly": "Of them without a valid signature",
    "known": "Devices with an earlier trace",
    "others": "Installs of all others",
    "othersKnown": "Of them with an earlier trace",
}


def facts_of(flag: FraudFlag, *, partner: bool = False) -> list[tuple[str, str]]:
    """Return the numbers behind a flag, in words; a partner is not told how much others bring."""
    known = {name: value for name, value in flag.evidence.items() if not (partner and name.startswith("others"))}
    found = [(words, formats.count(known[name])) for name, words in FACTS.items() if name in known]
    if "distance" in flag.evidence:
        found.append(("Distance from the others, 0 to 1", f"{flag.evidence['distance']:.2f}"))
    if "p" in flag.evidence:
        p = flag.evidence["p"]
        found.append(("Chance alone does this", "less than once in 10,000" if p < 1e-4 else f"{p:.2g}"))
    return found


def times_figure(flag: FraudFlag) -> charts.Figure | None:
    """Draw the times from click to install of a flag beside those of all others; None where it is about others."""
    times = flag.evidence.get("times")
    if not times or not sum(times):
        return None
    names = ["0 s", *(formats.span(edge) for edge in EDGES_S)]
    series = [("This one", times, "vermilion")]
    if flag.evidence.get("othersTimes"):
        series.append(("All others", flag.evidence["othersTimes"], "sky"))
    shares = [(name, [value / sum(values) for value in values], colour) for name, values, colour in series]
    option = {
        "xAxis": {"type": "category", "data": names},
        "yAxis": {"type": "value", "name": "of installs", "axisLabel": {"formatter": "%percent"}},
        "series": [
            {
                "name": name,
                "type": "bar",
                "colour": f"${colour}",
                "data": [round(value, 4) for value in values],
                "tooltip": {"valueFormatter": "%percent"},
            }
            for name, values, colour in shares
        ],
    }
    rows = [
        [f"from {names[bar]}", *(f"{values[bar] * 100:.1f}%" for _, values, _ in shares)] for bar in range(len(names))
    ]
    return charts.Figure(
        "times", "Time from click to install, bars", option, ["Time since the click", *(one[0] for one in shares)], rows
    )


@project_page
@editors_only
@require_POST
def fraud_dismiss(request: PageRequest, flag_id: int) -> HttpResponse:
    """Let a flag speak against nobody, with undo."""
    flag = get_object_or_404(request.project.fraud_flags, pk=flag_id)
    number = changes.dismiss(flag, user=request.user, now=timezone.now())
    undo = reverse("attribution:fraud-restore", args=[request.project.slug, flag.pk])
    messages.success(request, f"The flag is dismissed.{_again(number)}", extra_tags=f"undo:{undo}")
    return HttpResponseRedirect(reverse("attribution:fraud-flag", args=[request.project.slug, flag.pk]))


@project_page
@editors_only
@require_POST
def fraud_restore(request: PageRequest, flag_id: int) -> HttpResponse:
    """Take a dismissal back."""
    flag = get_object_or_404(request.project.fraud_flags, pk=flag_id)
    number = changes.restore(flag)
    messages.success(request, f"The flag is back.{_again(number)}")
    return HttpResponseRedirect(reverse("attribution:fraud-flag", args=[request.project.slug, flag.pk]))


def _again(number: int) -> str:
    return f" {formats.count(number)} installs are being decided again." if number else ""


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
