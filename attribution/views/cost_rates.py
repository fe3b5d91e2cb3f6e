"""Exchange rates, and campaigns that spend calls otherwise than installs do: both change how spend is counted."""

from datetime import date
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from attribution.cost_forms import RateForm
from attribution.costs import rates, unmatched
from attribution.costs.names import Named
from attribution.models import ExchangeRate, SpendName
from attribution.views.cost_rows import days_of, require_editor, today_of, views_of
from attribution.views.shared import wants_csv
from customers.pages import PageRequest, editors_only, project_page
from growthplatform.core import formats
from growthplatform.core.download import csv_file
from growthplatform.core.errors import InvalidField
from growthplatform.core.http import page

UNDO_SALT = "cost.undo"
UNDO_S = 3_600
SHOWN_UNKNOWN = 50
SHOWN_CHOICES = 200
MARK = "\t"


@project_page
@require_http_methods(["GET", "POST"])
def cost_rate_list(request: PageRequest) -> HttpResponse:
    """List the exchange rates and the spend that lacks one; on POST keep a rate, with undo."""
    project = request.project
    lacking = rates.gaps(project)
    first = lacking[0] if lacking else None
    initial = {"currency": first.currency if first else "", "day": first.first if first else today_of(request)}
    form = RateForm(request.POST or None, project=project, initial=initial)
    if request.method == "POST" and form.is_valid() and _saved(request, form):
        return HttpResponseRedirect(reverse("attribution:cost-rate-list", args=[project.slug]))
    rows = rates.rates_of(project).order_by("currency", "-day")
    if wants_csv(request):
        lines = ((row.currency, row.into, row.day.isoformat(), row.rate.normalize()) for row in rows)
        return csv_file("exchange-rates", ("currency", "into", "from_day", "rate"), lines)
    context = {
        "form": form,
        "views": views_of(request),
        "view": "cost-rate-list",
        "rows": [(row, f"{row.rate.normalize():f}") for row in rows],
        "gaps": [(gap, formats.money(gap.amount, gap.currency)) for gap in lacking],
        "currency": project.currency,
        "others": project.exchange_rates.exclude(into=project.currency).count(),
    }
    return page(request, "attribution/cost_rate_list.html", context, status=422 if form.errors else 200)


def _saved(request: PageRequest, form: RateForm) -> bool:
    """Keep a rate; False with the errors in the form."""
    require_editor(request)
    given = form.cleaned_data
    try:
        made, before = rates.save(request.project, given["currency"], given["day"], given["rate"])
    except InvalidField as refusal:
        for row in refusal.detail:
            form.add_error(row["field"], row["message"])
        return False
    was = {"currency": made.currency, "day": f"{made.day}", "rate": None if before is None else f"{before}"}
    text = f"1 {made.currency} is {made.rate.normalize():f} {made.into} from {made.day} on."
    messages.success(request, text, extra_tags=f"undo:{_undo(request, was)}")
    return True


def _undo(request: PageRequest, was: dict[str, Any]) -> str:
    token = signing.dumps(was, salt=f"{UNDO_SALT}.{request.project.pk}")
    return reverse("attribution:cost-undo", args=[request.project.slug, token])


@project_page
@editors_only
@require_POST
def cost_rate_delete(request: PageRequest, exchange_rate_id: int) -> HttpResponse:
    """Take a rate away, with undo."""
    row = get_object_or_404(ExchangeRate, project=request.project, pk=exchange_rate_id)
    was = {"currency": row.currency, "day": f"{row.day}", "rate": f"{row.rate}"}
    row.delete()
    messages.success(
        request, f"The rate of {row.currency} from {row.day} is removed.", extra_tags=f"undo:{_undo(request, was)}"
    )
    return HttpResponseRedirect(reverse("attribution:cost-rate-list", args=[request.project.slug]))


@project_page
@editors_only
@require_POST
def cost_undo(request: PageRequest, token: str) -> HttpResponse:
    """Undo the last change of a rate or a name: what it was is in the address, signed."""
    try:
        was = signing.loads(token, salt=f"{UNDO_SALT}.{request.project.pk}", max_age=UNDO_S)
    except signing.BadSignature:
        raise Http404("This can no longer be undone.") from None
    if "names" in was:
        for source, campaign, to_source, to_campaign in was["names"]:
            _put_name(request, Named(source, campaign), Named(to_source, to_campaign))
        to = "cost-unmatched"
    else:
        day = date.fromisoformat(was["day"])
        if was["rate"] is None:
            rates.rates_of(request.project).filter(currency=was["currency"], day=day).delete()
        else:
            rates.save(request.project, was["currency"], day, Decimal(was["rate"]))
        to = "cost-rate-list"
    messages.success(request, "Undone.")
    return HttpResponseRedirect(reverse(f"attribution:{to}", args=[request.project.slug]))


def _put_name(request: PageRequest, told: Named, meant: Named) -> None:
    """Let spend of a campaign count for another, or under its own name where that is empty."""
    if meant.source:
        unmatched.call(request.project, told, meant)
    else:
        SpendName.objects.filter(project=request.project, source=told.source, campaign=told.campaign).delete()


@project_page
@require_safe
def cost_unmatched(request: PageRequest) -> HttpResponse:
    """List spend of campaigns nobody knows, installs of campaigns without spend, and what may be told twice."""
    project, period = request.project, days_of(request)
    found = unmatched.find(project, period.first, period.last)
    known = unmatched.known_campaigns(project, period.last)
    shown = found.unknown[:SHOWN_UNKNOWN]
    largest = sorted((one for one in known if one.campaign), key=lambda one: -known[one])[:SHOWN_CHOICES]
    offered = {*largest, *(one.meant for one in shown if one.meant)}
    choices = sorted(offered, key=lambda one: (one.source, one.campaign.lower()))
    context = {
        "period": period,
        "views": views_of(request),
        "view": "cost-unmatched",
        "found": found,
        "unknown": [
            (
                one,
                [formats.money(amount, currency) for currency, amount in sorted(one.amounts.items())],
                _key(one.named),
            )
            for one in shown
        ],
        "more": len(found.unknown) - len(shown),
        "suggested": sum(one.meant is not None for one in found.unknown),
        "choices": [(one, _key(one)) for one in choices],
        "names": project.spend_names.order_by("source", "campaign"),
    }
    return page(request, "attribution/cost_unmatched.html", context)


def _key(named: Named) -> str:
    return f"{named.source}{MARK}{named.campaign}"


def _named(text: str) -> Named:
    source, _, campaign = text.replace("\x00", "").partition(MARK)
    return Named(source, campaign)


@project_page
@editors_only
@require_POST
def cost_name_create(request: PageRequest) -> HttpResponse:
    """Let spend of a campaign count for another; with `all` as suggested for each. With undo."""
    period = days_of(request)
    if "all" in request.POST:
        found = unmatched.find(request.project, period.first, period.last).unknown
        pairs = [(one.named, one.meant) for one in found if one.meant]
    else:
        pairs = [(_named(request.POST.get("told", "")), _named(request.POST.get("meant", "")))]
    before = [[*told, *_called(request, told)] for told, _ in pairs]
    try:
        for told, meant in pairs:
            unmatched.call(request.project, told, meant)
    except InvalidField as refusal:
        messages.error(request, refusal.detail[0]["message"])
    else:
        if not pairs:
            return _to_unmatched(request)
        text = f"{pairs[0][0].campaign or pairs[0][0].source} counts for {pairs[0][1].campaign}."
        text = text if len(pairs) == 1 else f"{len(pairs)} campaigns count under their other name."
        messages.success(request, text, extra_tags=f"undo:{_undo(request, {'names': before})}")
    return _to_unmatched(request)


def _called(request: PageRequest, told: Named) -> tuple[str, str]:
    row = SpendName.objects.filter(project=request.project, source=told.source, campaign=told.campaign).first()
    return (row.to_source, row.to_campaign) if row else ("", "")


@project_page
@editors_only
@require_POST
def cost_name_delete(request: PageRequest, spend_name_id: int) -> HttpResponse:
    """Let spend of a campaign count under its own name again, with undo."""
    row = get_object_or_404(SpendName, project=request.project, pk=spend_name_id)
    was = {"names": [[row.source, row.campaign, row.to_source, row.to_campaign]]}
    row.delete()
    messages.success(
        request, f"{row.campaign or row.source} counts under its own name again.",
        extra_tags=f"undo:{_undo(request, was)}",
    )  # fmt: skip
    return _to_unmatched(request)


def _to_unmatched(request: PageRequest) -> HttpResponse:
    address = reverse("attribution:cost-unmatched", args=[request.project.slug])
    query = request.META.get("QUERY_STRING", "")
    return HttpResponseRedirect(f"{address}?{query}" if query else address)
