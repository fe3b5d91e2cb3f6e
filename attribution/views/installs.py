"""Pages of installs: the list, and why one was credited as it was."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_safe

from attribution import explain, links, queries
from attribution.counting import DIMENSIONS
from attribution.models import Decision
from attribution.queries import InstallFilter
from attribution.verdict import TIER_NAMES
from attribution.views import story
from attribution.views.campaign_rows import words_of
from attribution.views.shared import both_ways, number_of, order_of, page_of, period_of, wants_csv
from customers.pages import PageRequest, project_page
from events import services as events
from growthplatform.core.download import csv_file
from growthplatform.core.http import page

ORDERS = both_ways({"installed": "installed_at", "source": "source", "campaign": "campaign", "tier": "tier"})
NEWEST = "-installed"
SHOWN_CONVERSIONS = 20
# Parameters of the address that have no choice of their own on the page, and their columns.
OTHERS = {name: DIMENSIONS[name].decision for name in ("ad_set", "ad", "creative", "publisher", "country", "platform")}
KINDS = {
    "install": "Installs",
    "reinstall": "Reinstalls",
    "reattribution": "Returns",
    "rejected": "Rejected as fraud",
}
CSV_HEAD = (
    "decision",
    "installed_at",
    "person",
    "message_id",
    "source",
    "campaign",
    "tier",
    "probability",
    "touch_id",
    "state",
    "os",
    "device",
    "decided_at",
)


def _chosen(request: PageRequest) -> InstallFilter:
    """Read the filters of the address; p_12 means the ids of that person."""
    words = request.GET.get("q", "").strip().replace("\x00", "")
    ids: tuple[str, ...] = ()
    if words.startswith("p_") and words[2:].isdigit() and len(words) < 20:
        ids = (*events.ids_of(request.project, int(words[2:])), words)
    asked = {name: value.replace("\x00", "") for name, value in request.GET.dict().items()}
    others = tuple((column, asked[name]) for name, column in OTHERS.items() if asked.get(name))
    return InstallFilter(
        asked.get("source", ""),
        asked.get("campaign", ""),
        asked.get("tier", ""),
        words,
        ids,
        asked.get("kind", ""),
        others,
    )


@project_page
@require_safe
def install_list(request: PageRequest) -> HttpResponse:
    """Show the installs of the period, each with what it is credited to."""
    period, chosen = period_of(request), _chosen(request)
    if not request.project.installs.exists():
        return page(request, "attribution/install_empty.html", {"base": links.base_address(request)})
    rows = queries.install_rows(request.project, period.start, period.until, chosen)
    if wants_csv(request):
        return _csv(request, rows)
    _, order = order_of(request, ORDERS, NEWEST)
    found = page_of(request, rows, order)
    by_source, by_tier = queries.sources_and_tiers(request.project, period.start, period.until)
    context = {
        "period": period,
        "chosen": chosen,
        "rows": _shown(request, found.rows),
        "number": rows.count(),
        "next": found.next,
        "pending": queries.pending_installs(request.project),
        "choices": [
            _choice(request, "source", "Source", chosen.source, by_source),
            _choice(request, "tier", "Matched by", chosen.tier, by_tier),
        ],
        "without_campaign": _without(request, "campaign"),
        "campaign_words": "No campaign" if chosen.campaign == queries.WITHOUT else chosen.campaign,
        "tier_names": TIER_NAMES,
        "others": _others(request),
        "kinds": [] if chosen.kind else [{"words": KINDS[kind], "url": _without(request, kind=kind)} for kind in KINDS],
    }
    return page(request, "attribution/install_list.html", context, partial="rows")


def _without(request: PageRequest, *names: str, **changes: str) -> str:
    """Return the address of this page with filters taken out or set, from its first row on."""
    query = {name: value for name, value in request.GET.items() if name not in {*names, "cursor"}}
    return "?" + urlencode({**query, **changes})


def _choice(request: PageRequest, name: str, label: str, now: str, counts: dict[str, int]) -> dict[str, Any]:
    """Return a filter: what it is set to, and its values with how many installs each has."""
    also = () if name == "tier" else ("campaign",)
    values = [
        {
            "value": value,
            "words": TIER_NAMES.get(value, value),
            "number": number,
            "url": _without(request, *also, **{name: value}),
        }
        for value, number in counts.items()
    ]
    return {"name": name, "label": label, "now": now, "values_shown": values, "clear": _without(request, name, *also)}


def _others(request: PageRequest) -> list[dict[str, str]]:
    """Return the filters in force that have no choice of their own, in words, each with the address without it."""
    found = [
        {
            "label": DIMENSIONS[name].label,
            "words": words_of(name, "" if value == queries.WITHOUT else value),
            "name": name,
        }
        for name in OTHERS
        if (value := request.GET.get(name, ""))
    ]
    if words := KINDS.get(request.GET.get("kind", "")):
        found.append({"label": "Kind", "words": words, "name": "kind"})
    return [{**one, "clear": _without(request, one["name"])} for one in found]


def _shown(request: PageRequest, decisions: list[Decision]) -> list[dict[str, Any]]:
    people = events.person_ids(request.project.pk, [decision.install.distinct_id for decision in decisions])
    return [
        {
            "decision": decision,
            "install": decision.install,
            "person": people.get(decision.install.distinct_id),
            "tier": TIER_NAMES.get(decision.tier, decision.tier),
            "age_s": (decision.installed_at - decision.touch.ts).total_seconds() if decision.touch else None,
            "device": story.device_of(decision.install),
        }
        for decision in decisions
    ]


def _csv(request: PageRequest, rows: Any) -> HttpResponse:
    decisions = list(rows.order_by("-installed_at", "-id"))
    people = events.person_ids(request.project.pk, list({decision.install.distinct_id for decision in decisions}))
    lines = (
        (
            f"dec_{decision.pk}",
            decision.installed_at,
            f"p_{people[decision.install.distinct_id]}" if decision.install.distinct_id in people else "",
            decision.install.message_id,
            decision.source,
            decision.campaign,
            decision.tier,
            "" if decision.probability is None else round(decision.probability, 4),
            decision.touch.touch_id if decision.touch else "",
            decision.state,
            decision.install.os_name,
            decision.install.device_model,
            decision.decided_at,
        )
        for decision in decisions
    )
    return csv_file("installs", CSV_HEAD, lines)


@project_page
@require_safe
def decision_detail(request: PageRequest, decision_id: str) -> HttpResponse:
    """Show why an install was credited as it was, in words, in a picture, and as the API tells it."""
    period_of(request)
    try:
        decision = queries.get_decision(request.project, number_of(decision_id, "dec_"))
    except Decision.DoesNotExist:
        raise Http404("There is no such decision in this project.") from None
    people = events.person_ids(request.project.pk, [decision.install.distinct_id])
    person = people.get(decision.install.distinct_id)
    context = {
        **story.of(decision, list(explain.candidates_of(decision)), people),
        "bought": decision.install.conversions.order_by("-ts", "-id")[:SHOWN_CONVERSIONS],
        "person": person,
        "person_url": _person_url(request, person) if person else "",
    }
    return page(request, "attribution/decision_detail.html", context)


def _person_url(request: PageRequest, person: int) -> str:
    """Return the person's page, which lies in an app above this one."""
    try:
        return reverse("analytics:person-detail", args=[request.project.slug, person])
    except NoReverseMatch:
        return ""
