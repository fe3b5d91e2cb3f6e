"""The page of one fraud rule: what it is, what it struck and would have struck, and setting it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from attribution import rule_sets
from attribution.fraud import changes, effects, evidence, hourly
from attribution.fraud import rules as fraud
from attribution.fraud.catalogue import BLOCK, BY_CODE, FLAG, OFF, Rule
from attribution.fraud.evidence import written
from attribution.models import Decision
from attribution.views.fraud_flags import shown_flag
from attribution.views.fraud_lines import LEVELS, WORDS, line_of, sources_of
from attribution.views.shared import period_of
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core.errors import InvalidField
from growthplatform.core.http import page

MULTIPLES = (0.25, 0.5, 1, 2, 4)


def _rule(code: str) -> Rule:
    rule = BY_CODE.get(code)
    if rule is None:
        raise Http404("There is no such rule.")
    return rule


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
    until = effects.until_of(request.project, now=now)
    source = _source(request, rule)
    version = rule_sets.current([request.project.pk])[request.project.pk]
    line = line_of(
        rule,
        fraud.settings(hourly.rules_for(version.rules, source)),
        evidence.tallies(request.project.pk, until - effects.SPAN, until),
    )
    typed = request.POST if errors else None
    flags = request.project.fraud_flags.filter(code=rule.code).order_by("-updated_at", "-pk")
    return {
        "rule": rule,
        "level": LEVELS[rule.level],
        "line": line,
        "source": source,
        "sources": [] if rule.fixed or rule.level not in {"touch", "source"} else sources_of(request.project, period),
        "period": period,
        "until": until if until < now else None,
        "version": version.version,
        "errors": errors or {},
        "action": typed.get("action", "") if typed else line.action,
        "threshold": typed.get("threshold", "") if typed else _typed(line.threshold, rule),
        "usual": written(rule.threshold, rule.unit) if rule.unit else "",
        "usual_word": WORDS[rule.action].lower(),
        "unit": "%" if rule.unit == "share" else rule.unit,
        "actions": _actions(rule),
        "flags": [shown_flag(flag) for flag in flags[:50]],
        "cases": list(evidence.cases(request.project.pk, until - effects.SPAN, until, code=rule.code, limit=20))
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
    until = effects.until_of(request.project, now=timezone.now())
    context: dict[str, Any] = {"rule": rule, "threshold": written(threshold, rule.unit) if rule.unit else ""}
    try:
        if rule.level == "source":
            judged = effects.sources_at(request.project, code, threshold, now=until)
            judged = [one for one in judged if source in {"", one.source}]
            context |= {
                "judged": [(one, written(one.value, rule.unit)) for one in judged[:50]],
                "struck": [one for one in judged if one.strikes],
                "installs": sum(one.installs for one in judged if one.strikes),
            }
        elif rule.level != "conversion":
            past = effects.past_of(request.project, code, now=until)
            past = past.of(source) if source else past
            effect = past.at(threshold)
            context |= {"effect": effect, "ladder": _ladder(past, rule, threshold, present)}
            context["examples"] = Decision.objects.filter(pk__in=effect.examples).order_by("-installed_at")
    except effects.TooMuch:
        context["problem"] = "There is too much traffic to look at while you wait. Try it on the past instead."
    return page(request, "attribution/fraud_effect.html", context)


def _ladder(
    past: effects.Past, rule: Rule, threshold: float, present: float
) -> list[tuple[str, effects.Effect, bool, bool]]:
    """Return what lower and higher thresholds strike: in words, effect, is it the one asked for, the present one."""
    if not rule.unit:
        return []
    rungs = sorted({round(present * multiple, 6) for multiple in MULTIPLES} | {threshold, present})
    return [(written(rung, rule.unit), past.at(rung), rung == threshold, rung == present) for rung in rungs]
