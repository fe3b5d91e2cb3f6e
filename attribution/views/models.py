"""The page of models: what each model of credit gives each source, beside what the rules decided."""

from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from attribution import credit, crediting, journeys, links, queries
from attribution.credit import BadWeights, Paths, Weights
from attribution.crediting import Comparison, Row
from attribution.model_forms import WeightsForm
from attribution.models import CreditModel, Decision
from attribution.views.shared import period_of, wants_csv
from customers.pages import PageRequest, editors_only, project_page
from customers.remembered import remembered
from growthplatform.core import charts, formats, sources
from growthplatform.core.download import FORMULA, csv_file
from growthplatform.core.errors import InvalidField, Problem
from growthplatform.core.http import page
from growthplatform.core.periods import Period

# Above so many installs the page comes first and the numbers follow.
AT_ONCE = 10_000
SHOWN_ROWS = 50
CHART_CHANNELS = 6
UNDO_S = 3_600
UNDO_SALT = "attribution.model-undo"
MEASURES = {
    journeys.INSTALLS: "Installs",
    journeys.CONVERSIONS: "Conversions",
    journeys.REVENUE: "Revenue",
}
UNITS = {journeys.INSTALLS: "installs", journeys.CONVERSIONS: "conversions", journeys.REVENUE: "revenue"}
COLOURS = {
    "first": "sky",
    "last": "blue",
    "last_non_direct": "blue/0.5",
    "linear": "grey",
    "time_decay": "orange",
    "position": "green",
    "markov": "vermilion",
    "shapley": "purple",
}
# Columns that a phone shows.
KEPT_NARROW = ("markov", "shapley")
# From which difference on a cell is tinted, and how strongly.
TINTS = ((1.0, 6), (0.5, 5), (0.25, 4), (0.1, 3), (0.05, 2))
EXAMPLE = (
    ("tiktok", "click", 6.0),
    ("meta", "impression", 3.0),
    ("google", "click", 1.0),
    ("newsletter", "click", 0.0),
)


@project_page
@require_safe
def model_list(request: PageRequest) -> HttpResponse:
    """Show all models side by side over the journeys of the period."""
    period, project = period_of(request), request.project
    by = _chosen(request, "by", (journeys.SOURCE, journeys.CAMPAIGN))
    measure = _chosen(request, "measure", journeys.MEASURES)
    if not wants_csv(request) and not project.decisions.exists():
        return page(request, "attribution/model_empty.html", {"base": links.base_address(request)})
    context: dict[str, Any] = {
        "period": period,
        "by": by,
        "measure": measure,
        "measures": MEASURES,
        "own": crediting.own_models(project),
        "unit": UNITS[measure],
        "definitions": _definitions(request),
        "lazy": not request.htmx and not wants_csv(request) and _many(request, period),
    }
    if context["lazy"]:
        return page(request, "attribution/model_list.html", context)
    try:
        found = remembered(
            project,
            f"models:{by}:{measure}:{period.start:%Y%m%d%H}:{period.until:%Y%m%d%H%M}:{_version(context['own'])}",
            lambda: crediting.compare(project, period.start, period.until, by=by, measure=measure),
        )
    except journeys.TooManyTouches as problem:
        return page(request, "attribution/model_list.html", {**context, "problem": problem.message}, partial="body")
    if wants_csv(request):
        return _csv(found)
    context.update(_numbers(request, found))
    return page(request, "attribution/model_list.html", context, partial="body")


def _many(request: PageRequest, period: Period) -> bool:
    return queries.decisions_between(request.project, period.start, period.until)[AT_ONCE : AT_ONCE + 1].exists()


def _version(own: list[CreditModel]) -> str:
    return signing.Signer(salt=UNDO_SALT).signature(repr([(one.pk, one.name, one.settings) for one in own]))[:12]


def _chosen(request: PageRequest, name: str, allowed: tuple[str, ...]) -> str:
    value = request.GET.get(name, "")
    return value if value in allowed else allowed[0]


def _definitions(request: PageRequest) -> list[dict[str, Any]]:
    return [
        {"label": column.label, "sentence": column.sentence, "own": column.own}
        for column in crediting.columns_of(request.project)
    ]


def _numbers(request: PageRequest, found: Comparison) -> dict[str, Any]:
    """Return what the template shows of a comparison."""
    return {
        "found": found,
        "heads": [
            {"column": column, "extra": column.name not in KEPT_NARROW, "info": column.sentence}
            for column in found.columns
        ],
        "rows": [_line(found, row, request.project.currency) for row in found.rows[:SHOWN_ROWS]],
        "more": max(len(found.rows) - SHOWN_ROWS, 0),
        "organic": _amount(found, found.organic, request.project.currency),
        "total": _amount(found, found.total, request.project.currency),
        "said": _said(found, request.project.currency),
        "figure": _figure(found, request.project.currency),
        "rules": crediting.RULES,
    }


def _line(found: Comparison, row: Row, currency: str) -> dict[str, Any]:
    return {
        "channel": row.channel,
        "decided": _amount(found, row.decided, currency),
        "effect": row.effect,
        "cells": [
            {
                "amount": _amount(found, amount, currency),
                "change": _change(row, place),
                "tint": _tint(row, place),
                "extra": column.name not in KEPT_NARROW,
            }
            for place, (column, amount) in enumerate(zip(found.columns, row.credits, strict=True))
        ],
    }


def _amount(found: Comparison, amount: float, currency: str) -> str:
    """Write an amount: money, whole numbers as they are, parts with one place."""
    if found.measure == journeys.REVENUE:
        return formats.money(amount, currency)
    amount = round(amount, 1)
    return formats.count(amount) if amount == round(amount) else f"{amount:,.1f}".replace("-", formats.MINUS)


def _change(row: Row, place: int) -> str:
    """Write how a model differs from the rules: "+12%", nothing when it hardly does."""
    change = row.change(place)
    if change is None:
        return "new" if row.credits[place] >= 0.05 else ""
    if abs(change) < 0.005:
        return ""
    return f"{'+' if change > 0 else formats.MINUS}{abs(change) * 100:,.0f}%"


def _tint(row: Row, place: int) -> str:
    """Return the classes of a cell that differs: which way, and how strongly."""
    change = row.change(place)
    if change is None:
        return "is-more heat-3" if row.credits[place] >= 0.5 else ""
    if abs(row.credits[place] - row.decided) < 0.5:
        return ""
    heat = next((heat for least, heat in TINTS if abs(change) >= least), 0)
    return f"{'is-more' if change > 0 else 'is-less'} heat-{heat}" if heat else ""


def _said(found: Comparison, currency: str) -> dict[str, Any] | None:
    """Say where the models differ most."""
    widest = found.widest
    if widest is None:
        return None
    row, place = widest
    return {
        "channel": _name(row),
        "model": found.columns[place].label,
        "gives": _amount(found, row.credits[place], currency),
        "decided": _amount(found, row.decided, currency),
        "more": row.credits[place] > row.decided,
    }


def _name(row: Row) -> str:
    source = sources.look_of(row.channel.source).name
    return f"{row.channel.campaign} / {source}" if row.channel.campaign else source


def _figure(found: Comparison, currency: str) -> charts.Figure | None:
    """Draw the models as bars beside each other for each of the largest channels."""
    shown = found.rows[:CHART_CHANNELS]
    if not shown:
        return None
    names = [row.channel.campaign or _name(row) for row in shown]
    unit = currency if found.measure == journeys.REVENUE else UNITS[found.measure]
    series = [("By your rules", "accent", [row.decided for row in shown])]
    for place, column in enumerate(found.columns):
        amounts = [row.credits[place] for row in shown]
        if column.name == "last_non_direct" and amounts == series[-1][2]:
            continue  # without direct touches it is the last touch, and needs no bar of its own
        series.append((column.label, COLOURS.get(column.name, "grey/0.5"), amounts))
    drawn = [
        {
            "name": name,
            "colour": f"${colour}",
            "type": "bar",
            "barGap": "8%",
            "barCategoryGap": "24%",
            "emphasis": {"focus": "series"},
            "tooltip": {"valueFormatter": "%compact"},
            "data": [round(amount, 4) for amount in amounts],
        }
        for name, colour, amounts in series
    ]
    option = {
        "xAxis": {"type": "category", "data": names, "axisLabel": {"width": 130, "overflow": "truncate"}},
        "yAxis": {"type": "value", "name": unit, "axisLabel": {"formatter": "%compact"}},
        "series": drawn,
    }
    label = f"{MEASURES[found.measure]} that each model gives the largest channels, grouped bars"
    rows = [
        [_name(row), *(_amount(found, amounts[at], currency) for _, _, amounts in series)]
        for at, row in enumerate(shown)
    ]
    return charts.Figure("models", label, option, ["Channel", *(name for name, _, _ in series)], rows)


def _csv(found: Comparison) -> HttpResponse:
    """Answer every channel and the organic rest, with as many places as the API."""
    head = ("source", "campaign", "by_your_rules", *(_key(column) for column in found.columns), "removal_effect")
    lines = [
        (
            row.channel.source, row.channel.campaign, round(row.decided, 6), *(round(one, 6) for one in row.credits),
            round(row.effect, 9),
        )
        for row in found.rows
    ]  # fmt: skip
    organic = round(found.organic, 6)
    lines.append((queries.ORGANIC, "", organic, *(organic for _ in found.columns), ""))
    return csv_file(f"models-{found.measure}", head, lines)


def _key(column: crediting.Column) -> str:
    """Return the head of a model's column; of a project's own its name, never as a formula."""
    if not column.own:
        return column.name
    return f"'{column.label}" if column.label.startswith(FORMULA) else column.label


@project_page
@require_safe
def model_decision(request: PageRequest, decision_id: int) -> HttpResponse:
    """Answer how every model shares one install among its touches: a part of its decision's page."""
    try:
        decision = queries.get_decision(request.project, decision_id)
    except Decision.DoesNotExist:
        raise Http404("There is no such decision in this project.") from None
    try:
        columns, touches = crediting.credit_of(decision, by=journeys.SOURCE)
    except journeys.TooManyTouches as problem:
        return render(request, "attribution/decision_credit.html", {"problem": problem.message})
    return render(request, "attribution/decision_credit.html", {"columns": columns, "touches": touches})


@project_page
@editors_only
@require_http_methods(["GET", "POST"])
def model_create(request: PageRequest) -> HttpResponse:
    """Show the form of new weights; on POST keep them, with undo."""
    if request.method != "POST":
        return page(request, "attribution/model_form.html", _form_context(request, WeightsForm(), None))
    form = WeightsForm(request.POST)
    model = _saved(request, form, None)
    if model is None:
        return page(request, "attribution/model_form.html", _form_context(request, form, None), status=422)
    _tell(request, f"{model.name} is compared from now on.", {"delete": model.pk})
    return _to_list(request)


@project_page
@editors_only
@require_http_methods(["GET", "POST"])
def model_edit(request: PageRequest, model_id: int) -> HttpResponse:
    """Show the form of weights; on POST change them, with undo."""
    model = get_object_or_404(request.project.credit_models, pk=model_id)
    if request.method != "POST":
        return page(request, "attribution/model_form.html", _form_context(request, WeightsForm(model=model), model))
    before = {"change": model.pk, "name": model.name, "settings": model.settings}
    form = WeightsForm(request.POST)
    changed = _saved(request, form, model.pk)
    if changed is None:
        return page(request, "attribution/model_form.html", _form_context(request, form, model), status=422)
    _tell(request, f"{changed.name} is changed.", before)
    return _to_list(request)


@project_page
@editors_only
@require_POST
def model_delete(request: PageRequest, model_id: int) -> HttpResponse:
    """Take weights away, with undo. Nothing was decided by them."""
    get_object_or_404(request.project.credit_models, pk=model_id)
    gone = crediting.delete_model(request.project, model_id)
    _tell(request, f"{gone.name} is deleted.", {"name": gone.name, "settings": gone.settings})
    return _to_list(request)


@project_page
@editors_only
@require_POST
def model_undo(request: PageRequest, token: str) -> HttpResponse:
    """Undo the last thing that was done to weights: what it was is in the address, signed."""
    try:
        was = signing.loads(token, salt=f"{UNDO_SALT}.{request.project.pk}", max_age=UNDO_S)
    except signing.BadSignature:
        raise Http404("This can no longer be undone.") from None
    try:
        if "delete" in was:
            crediting.delete_model(request.project, was["delete"])
        else:
            crediting.save_model(request.project, was["name"], was["settings"], pk=was.get("change"))
    except Problem as problem:
        messages.error(request, f"It could not be undone. {problem.message}")
    else:
        messages.success(request, "Undone.")
    return _to_list(request)


@project_page
@editors_only
@require_POST
def model_check(request: PageRequest) -> HttpResponse:
    """Answer how the weights being typed share an example journey. Stores nothing."""
    form = WeightsForm(request.POST)
    form.is_valid()
    return render(request, "attribution/model_form.html#preview", {"preview": _preview(form)})


def _saved(request: PageRequest, form: WeightsForm, pk: int | None) -> CreditModel | None:
    """Keep what the form says; None with the errors in the form."""
    if not form.is_valid():
        return None
    try:
        return crediting.save_model(request.project, form.cleaned_data["name"], form.settings(), pk=pk)
    except InvalidField as refusal:
        form.show(refusal)
    except crediting.NameTaken:
        form.add_error("name", "Another model has this name already.")
    except crediting.TooManyModels as refusal:
        form.add_error(None, refusal.message)
    return None


def _form_context(request: PageRequest, form: WeightsForm, model: CreditModel | None) -> dict[str, Any]:
    return {
        "form": form,
        "model": model,
        "preview": _preview(form),
        "preview_url": reverse("attribution:model-check", args=[request.project.slug]),
    }


def _preview(form: WeightsForm) -> list[dict[str, Any]] | None:
    """Share an example journey by what the form says; None while that can't be meant."""
    if form.is_bound:
        given = form.settings() if hasattr(form, "cleaned_data") and not set(form.errors) - {"name"} else None
    else:
        given = {
            name: form.get_initial_for_field(form.fields[name], name) for name in ("first", "middle", "last", "view")
        }
        given["equal"] = form.get_initial_for_field(form.fields["base"], "base") == "equal"
        given["half_life_days"] = form.get_initial_for_field(form.fields["half_life_days"], "half_life_days")
    if given is None:
        return None
    try:
        weights = Weights.from_json(given)
    except BadWeights:
        return None
    ages = [[age for _, _, age in EXAMPLE]]
    clicks = {0: [kind == "click" for _, kind, _ in EXAMPLE]}
    shares = credit.shares(Paths.of([[source for source, _, _ in EXAMPLE]], ages_days=ages, clicks=clicks), weights)
    return [
        {"source": source, "view": kind != "click", "age": f"{age:g}", "share": share}
        for (source, kind, age), share in zip(EXAMPLE, shares.tolist(), strict=True)
    ]


def _tell(request: PageRequest, text: str, was: dict[str, Any]) -> None:
    token = signing.dumps(was, salt=f"{UNDO_SALT}.{request.project.pk}")
    undo = reverse("attribution:model-undo", args=[request.project.slug, token])
    messages.success(request, text, extra_tags=f"undo:{undo}")


def _to_list(request: PageRequest) -> HttpResponse:
    return HttpResponseRedirect(reverse("attribution:model-list", args=[request.project.slug]))
