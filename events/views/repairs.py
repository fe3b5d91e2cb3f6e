"""Pages of repair rules: tried on what waits, kept, watched while they work, paused."""

from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from customers.pages import PageRequest, editors_only, project_page
from events import repair_offers, repair_rules, repairs
from events.forms import RepairRuleForm
from events.hints import hint_for
from events.models import Rejected, RepairRule
from growthplatform.core.download import csv_file
from growthplatform.core.errors import InvalidField
from growthplatform.core.http import page

CSV_HEAD = ("name", "code", "path", "field", "action", "value", "old", "state", "repaired", "still_refused", "to_try")


def _rules(request: PageRequest) -> list[tuple[RepairRule, repair_rules.Progress]]:
    rows = request.project.repair_rules.select_related("created_by", "project").order_by("-pk")
    if q := request.GET.get("q", "").replace("\x00", "").strip():
        rows = rows.filter(Q(name__icontains=q) | Q(code__icontains=q) | Q(field__icontains=q))
    return [(row, repair_rules.progress(row)) for row in rows]


@project_page
@require_safe
def repair_list(request: PageRequest) -> HttpResponse:
    """Show the project's repair rules with what each has done."""
    rows = _rules(request)
    if request.GET.get("format") == "csv":
        lines = (
            (
                rule.name, rule.code, rule.path, rule.field, rule.action, rule.value, rule.old,
                "paused" if rule.paused_at else "active", done.repaired, done.wrong, done.left,
            )
            for rule, done in rows
        )  # fmt: skip
        return csv_file(f"{request.project.slug}-repair-rules", CSV_HEAD, lines)
    context = {
        "rows": [(rule, done, repair_rules.words_of(rule)) for rule, done in rows],
        "offers": _offers(request),
        "repaired": sum(done.repaired for _, done in rows),
    }
    return page(request, "events/repair_list.html", context, partial="rows")


def _offers(request: PageRequest) -> list[tuple[repair_offers.Ready, int]]:
    """Return the ready-made rules for what waits, with how much does, leaving out those that exist."""
    waiting = Rejected.objects.filter(project=request.project, state=Rejected.State.OPEN, cut=False).order_by()
    counts = {row["code"]: row["n"] for row in waiting.values("code").annotate(n=Count("pk"))}
    rules = request.project.repair_rules.values_list("code", "field", "action", "value")
    have = set(rules)
    return [
        (one, counts[one.code])
        for one in repair_offers.READY
        if counts.get(one.code) and (one.code, one.field, one.action, one.value) not in have
    ]


@project_page
@editors_only
@require_http_methods(["GET", "HEAD", "POST"])
def repair_create(request: PageRequest) -> HttpResponse:
    """Show the form of a rule with what it would do, and keep it."""
    if request.method != "POST":
        given = _given(request)
        form = RepairRuleForm(initial=given)
        return _form(request, form, given)
    form = RepairRuleForm(request.POST)
    if form.is_valid():
        try:
            rule = repair_rules.create(request.project, form.cleaned_data, user=request.user)
        except InvalidField as problem:
            for row in problem.detail:
                form.add_error(row["field"] if row["field"] in form.fields else None, row["message"])
        else:
            messages.success(request, "The rule works. What waits is repaired within seconds.")
            return HttpResponseRedirect(reverse("events:repair-detail", args=[request.project.slug, rule.pk]))
    return _form(request, form, request.POST.dict())


def _given(request: PageRequest) -> dict[str, str]:
    """Return the fields of a rule as the address has them; an offer by its place in the list of them."""
    offer = request.GET.get("offer", "")
    if offer.isascii() and offer.isdigit() and int(offer) < len(repair_offers.READY):
        return repair_offers.READY[int(offer)].given
    given = {name: request.GET.get(name, "").replace("\x00", "") for name in repair_offers.FIELDS}
    if given["code"] and not given["action"]:
        for one in repair_offers.for_code(given["code"]):
            return one.given
    return given


def _form(request: PageRequest, form: RepairRuleForm, given: dict[str, str]) -> HttpResponse:
    mine = Rejected.objects.filter(project=request.project, state=Rejected.State.OPEN, cut=False).order_by()
    context = {
        "form": form,
        "codes": mine.values("code").annotate(n=Count("pk")).order_by("-n", "code")[:50],
        "offers": [
            (number, one) for number, one in enumerate(repair_offers.READY) if one.code == given.get("code", "")
        ],
        "hint": hint_for(given["code"]) if given.get("code") else "",
        **_preview(request, given),
    }
    return page(request, "events/repair_create.html", context, status=422 if form.errors else 200)


@project_page
@editors_only
@require_POST
def repair_preview(request: PageRequest) -> HttpResponse:
    """Answer what a rule would do as it stands in the form; nothing is kept."""
    return page(request, "events/repair_preview.html", _preview(request, request.POST.dict()))


def _preview(request: PageRequest, given: dict[str, str]) -> dict[str, Any]:
    try:
        rule = repair_rules.draft(request.project, given)
    except InvalidField as problem:
        missing = problem.detail[0]
        return {"preview": None, "missing": missing["message"], "field": missing["field"]}
    return {"preview": repair_rules.preview(rule), "words": repair_rules.words_of(rule)}


def _mine(request: PageRequest, repair_rule_id: int) -> RepairRule:
    rows = request.project.repair_rules.select_related("created_by", "project")
    return get_object_or_404(rows, pk=repair_rule_id)


@project_page
@require_safe
def repair_detail(request: PageRequest, repair_rule_id: int) -> HttpResponse:
    """Show a rule: how far it is with what waits, and what it could not repair."""
    rule = _mine(request, repair_rule_id)
    done = repair_rules.progress(rule)
    waiting = repair_rules.waiting_for(rule).order_by("-last_at", "-pk")
    context = {
        "rule": rule,
        "words": repair_rules.words_of(rule),
        "done": done,
        "at_work": bool(done.left) and not rule.paused_at,
        "still": waiting.exclude(tried_at=None)[:10] if done.wrong else [],
        "repairs": rule.repairs.order_by("-replayed_at", "-pk")[:10],
        "kept": repairs.KEPT.days,
    }
    return page(request, "events/repair_detail.html", context, partial="whole")


def _back(request: PageRequest, rule: RepairRule) -> HttpResponse:
    return HttpResponseRedirect(reverse("events:repair-detail", args=[request.project.slug, rule.pk]))


@project_page
@editors_only
@require_POST
def repair_pause(request: PageRequest, repair_rule_id: int) -> HttpResponse:
    """Let a rule rest, with undo."""
    rule = _mine(request, repair_rule_id)
    repair_rules.pause(rule, now=timezone.now(), user=request.user)
    undo = reverse("events:repair-resume", args=[request.project.slug, rule.pk])
    messages.success(request, "The rule rests. What it repaired stays.", extra_tags=f"undo:{undo}")
    return _back(request, rule)


@project_page
@editors_only
@require_POST
def repair_resume(request: PageRequest, repair_rule_id: int) -> HttpResponse:
    """Let a rule work again."""
    rule = _mine(request, repair_rule_id)
    repair_rules.resume(rule, now=timezone.now(), user=request.user)
    messages.success(request, "The rule works again, also on what came meanwhile.")
    return _back(request, rule)


@project_page
@editors_only
@require_POST
def repair_remove(request: PageRequest, repair_rule_id: int) -> HttpResponse:
    """Delete a rule, after a question."""
    rule = _mine(request, repair_rule_id)
    repair_rules.remove(rule, user=request.user)
    messages.success(request, f"“{rule.name}” is deleted. What it repaired stays.")
    return HttpResponseRedirect(reverse("events:repair-list", args=[request.project.slug]))
