"""Flags over sources and publishers: their evidence, and dismissing them."""

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from attribution.fraud import changes, evidence
from attribution.fraud.catalogue import BY_CODE, FLAG, SIGNATURE_BREAKER, Rule
from attribution.fraud.evidence import written
from attribution.fraud.sources import EDGES_S
from attribution.models import FraudFlag
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core import charts, formats
from growthplatform.core.http import page

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
    "injected": "Of them with the download begun before the click",
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
