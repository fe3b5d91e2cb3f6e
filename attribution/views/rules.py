"""Pages of the rules: what holds now, all versions with what each changed, and the editor."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from attribution import rule_sets
from attribution.models import RuleSet
from attribution.replays import periods, start
from attribution.rule_forms import ACCEPT, UNITS, Draft
from attribution.rule_words import differences, tier_name
from attribution.rules import WINDOWS_S, Rules
from attribution.views.shared import page_of
from customers.models import Project
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core import sources
from growthplatform.core.errors import InvalidField, Problem
from growthplatform.core.http import page
from growthplatform.core.templatetags.frame import address

NEWEST = ("-version",)


class Listed(NamedTuple):
    """A version in the list, with what it changed."""

    row: RuleSet
    changes: list[str]


class Level(NamedTuple):
    """A rank of the order: the kinds of match that share it, each with its window in words."""

    place: int
    tiers: list[tuple[str, str, int]]


def links_of(project: Project) -> dict[str, str]:
    """Return the names of a project's links by their id, as rules write it."""
    return {str(pk): name for pk, name in project.links.order_by("name").values_list("pk", "name")}


def codes() -> dict[str, str]:
    """Return the names of the fraud rules by their code."""
    from attribution.fraud import catalogue

    return {rule.code: rule.name for rule in catalogue.RULES}


@project_page
@require_safe
def rule_list(request: PageRequest) -> HttpResponse:
    """Show the rules that hold now, and all versions with what each of them changed."""
    current = rule_sets.current([request.project.pk])[request.project.pk]
    rows = RuleSet.objects.filter(project=request.project).select_related("created_by")
    found = page_of(request, rows, NEWEST)
    context = {
        "current": current,
        "newest": rows.get(pk=current.pk),
        "versions": _with_changes(request.project, found.rows),
        "next": found.next,
        "replays": request.project.replays.order_by("-created_at", "-pk")[:3],
        "fraud_url": address("attribution:fraud", request.project.slug),
        "secrets_url": address("attribution:secret-list", request.project.slug),
        **_said(current.rules, request.project),
    }
    return page(request, "attribution/rule_list.html", context, partial="rows")


def _with_changes(project: Project, rows: Sequence[RuleSet]) -> list[Listed]:
    """Tell of each version what it changed against the one before."""
    if not rows:
        return []
    before = RuleSet.objects.filter(project=project, version=rows[-1].version - 1).first()
    read = [Rules.from_json(row.rules) for row in [*rows, *([before] if before else [])]]
    names = links_of(project)
    return [
        Listed(row, differences(read[place + 1], read[place], names, codes()) if place + 1 < len(read) else [])
        for place, row in enumerate(rows)
    ]


def _said(rules: Rules, project: Project) -> dict[str, Any]:
    """Return what a page shows of rules."""
    asked = {tier for group in rules.order for tier in group}
    return {
        "rules": rules,
        "levels": [
            Level(place, [(tier, tier_name(tier), rules.windows_s[tier]) for tier in group])
            for place, group in enumerate(rules.order, start=1)
        ],
        "left_out": [tier_name(tier) for tier in WINDOWS_S if tier not in asked],
        "specials": differences(
            Rules(fraud=rules.fraud),
            Rules(fraud=rules.fraud, sources=rules.sources, links=rules.links),
            links_of(project),
        ),
        "fraud_said": differences(Rules(), Rules(fraud=rules.fraud), codes=codes()),
    }


@project_page
@require_safe
def rule_detail(request: PageRequest, version: int) -> HttpResponse:
    """Show one version: its rules, what it changed, and how many decisions follow it."""
    row = get_object_or_404(RuleSet.objects.select_related("created_by"), project=request.project, version=version)
    newest = rule_sets.current([request.project.pk])[request.project.pk]
    [listed] = _with_changes(request.project, [row])
    read = Rules.from_json(row.rules)
    context = {
        "row": row,
        "changes": listed.changes,
        "newest": newest.version,
        "decisions": row.decisions.count(),
        "against_newest": differences(newest.rules, read, links_of(request.project), codes()),
        "json": read.to_json(),
        **_said(read, request.project),
    }
    return page(request, "attribution/rule_detail.html", context)


@project_page
@editors_only
@require_http_methods(["GET", "POST"])
def rule_edit(request: PageRequest) -> HttpResponse:
    """Show the editor of the rules; on POST publish them, try them on the past, or move a row."""
    newest = rule_sets.current([request.project.pk])[request.project.pk]
    names = links_of(request.project)
    if request.method != "POST":
        return page(request, "attribution/rule_edit.html", _form(request, _first(request, newest), newest))
    draft = Draft.read(request.POST, _kept(request, newest))
    if _rearranged(draft, request):
        return page(request, "attribution/rule_edit.html", _form(request, draft, newest), partial="fields")
    rules = draft.checked(names)
    if rules is not None:
        try:
            if "try" in request.POST:
                return _tried(request, draft, rules)
            return _published(request, draft, rules)
        except InvalidField as problem:
            draft.errors["form"] = [row["message"] for row in problem.detail]
        except Problem as problem:
            draft.errors["form"] = [problem.message]
            draft.base = newest.version
    return page(request, "attribution/rule_edit.html", _form(request, draft, newest), partial="fields", status=422)


def _kept(request: PageRequest, newest: rule_sets.Version) -> Rules:
    """Return the rules that the form began with: the newest, or those of the version that ?from= goes back to."""
    wanted = request.GET.get("from", "")
    if not wanted:
        return newest.rules
    if not wanted.isascii() or not wanted.isdigit() or len(wanted) > 8:
        raise Http404("There is no such version.")
    return Rules.from_json(get_object_or_404(RuleSet, project=request.project, version=int(wanted)).rules)


def _first(request: PageRequest, newest: rule_sets.Version) -> Draft:
    """Return the form as it is first shown."""
    draft = Draft.of(_kept(request, newest), newest.version)
    if request.GET.get("from"):
        draft.note = f"As in version {request.GET['from']}"
    return draft


def _rearranged(draft: Draft, request: PageRequest) -> bool:
    """Do what a button inside the form asks for; say whether it was one."""
    for name in ("up", "down"):
        if name in request.POST:
            draft.move(request.POST[name], name)
            return True
    if "add" in request.POST:
        draft.add()
        return True
    if "drop" in request.POST:
        draft.drop(request.POST["drop"])
        return True
    return False


def _published(request: PageRequest, draft: Draft, rules: Rules) -> HttpResponse:
    made = rule_sets.publish(request.project, rules, draft.note, request.user, base=draft.base)
    if made.version == draft.base:
        messages.info(request, f"Nothing was changed, so version {made.version} stays.")
    else:
        messages.success(request, f"Version {made.version} holds from now on. Earlier decisions keep theirs.")
    return HttpResponseRedirect(reverse("attribution:rule-list", args=[request.project.slug]))


def _tried(request: PageRequest, draft: Draft, rules: Rules) -> HttpResponse:
    period = periods(request.project, now=timezone.now()).get(request.POST.get("period", ""))
    if period is None:
        raise InvalidField.named("period", "Choose a period.")
    replay = start(request.project, rules, period.since, period.until, note=draft.note, user=request.user)
    return HttpResponseRedirect(reverse("attribution:replay-detail", args=[request.project.slug, replay.pk]))


def _focus(request: PageRequest, draft: Draft) -> str:
    """Return the id of the button that moved a row, so that it can be pressed again; at the end the other one."""
    for way, end, other in (("up", 0, "down"), ("down", -1, "up")):
        if way in request.POST:
            at_end = draft.tiers[end].tier == request.POST[way]
            return f"{other if at_end else way}-{request.POST[way]}"
    return ""


def _form(request: PageRequest, draft: Draft, newest: rule_sets.Version) -> dict[str, Any]:
    project = request.project
    known = set(project.links.order_by().values_list("source", flat=True)) | set(newest.rules.sources)
    known |= set(project.decisions.order_by().values_list("source", flat=True).distinct()[:200])
    return {
        "draft": draft,
        "newest": newest,
        "units": list(UNITS),
        "whats": [(ACCEPT, "Network and device: least probability, %")]
        + [(tier, f"{tier_name(tier)}: window") for tier in WINDOWS_S],
        "source_choices": sorted((f"source:{name}", sources.look_of(name).name) for name in known - {"", "organic"}),
        "link_choices": [(f"link:{pk}", name) for pk, name in links_of(project).items()],
        "periods": list(periods(project, now=timezone.now()).values()),
        "chosen_period": request.POST.get("period", "28d"),
        "fraud_url": address("attribution:fraud", project.slug),
        "focus": _focus(request, draft),
    }
