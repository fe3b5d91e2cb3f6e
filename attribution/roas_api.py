"""What campaigns cost and brought, for programs: the numbers of the cost pages."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from django.http import HttpResponseBase
from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from attribution.costs import metrics
from attribution.costs.figures import AGES, FUTURE, Figures, total
from attribution.costs.measures import MEASURES
from attribution.counting import Key
from attribution.spend_api import BY, ERRORS, FILTERS, PUBLIC, filters_in
from customers.api import ProjectView
from growthplatform.core.api import CsvRenderer, OrjsonRenderer
from growthplatform.core.download import csv_file
from growthplatform.core.errors import InvalidField
from growthplatform.core.paging import decode, encode, limit_of
from growthplatform.core.period_query import PERIOD_PARAMETERS, get_period
from growthplatform.core.periods import Period

USUAL = "source,campaign"
MOST_DIMENSIONS = 3
FIGURES = {
    "spend": "1204.5000",
    "spendWithoutRate": {"USD": "88.0000"},
    "installs": 512,
    "paidInstalls": 498,
    "customers": 61,
    "cpi": "2.418675",
    "ecpi": "2.352539",
    "cpa": "19.745902",
    "cohortRevenue": "1650.9000",
    "paidCohortRevenue": "1590.4000",
    "roas": 1.320382,
    "roi": 0.320382,
    "revenue": "1711.9000",
    "periodRoas": 1.421254,
    "clicks": 7210,
    "impressions": 310220,
    "byAge": [
        {
            "age": 7, "state": "partial", "installedUntil": "2026-11-13", "installs": 380, "spend": "901.2000",
            "revenue": "630.1000", "paidRevenue": "610.1000", "roas": 0.676986, "revenuePerInstall": "1.605526",
        }
    ],
}  # fmt: skip
METRICS_ANSWER = {
    "from": "2026-10-25",
    "to": "2026-11-21",
    "timeZone": "Europe/Berlin",
    "currency": "EUR",
    "by": ["source", "campaign"],
    "filters": {"country": "DE"},
    "rows": [{"source": "tiktok", "campaign": "Winter sale", **FIGURES}],
    "total": FIGURES,
    "next": None,
    "definitions": {"cpi": MEASURES["cpi"].means},
}


class RoasMetrics(ProjectView):
    renderer_classes = (OrjsonRenderer, CsvRenderer)

    @extend_schema(
        operation_id="metrics_roas",
        summary="What campaigns cost and brought: CPI, ROAS, revenue by age",
        description=(
            "Spend, installs, revenue and their quotients along up to three properties, the dearest first. Installs"
            " and `revenue` are those of `/v1/metrics/campaigns`; `cohortRevenue` is what the installs of the period"
            " have brought up to now. `byAge` has what they had brought at the end of day 0, 1, 3, 7, 14, 30 and 90"
            " after their install: `complete` when all installs of the period have reached that age, `partial` when"
            " only those up to `installedUntil` have, and only they and their spend are in it. Spend without an"
            " exchange rate stands in `spendWithoutRate` and in no quotient."
        ),
        tags=["Metrics"],
        parameters=[
            *PERIOD_PARAMETERS[:3],
            OpenApiParameter("by", str, description=f"Up to three of {', '.join(BY)}; {USUAL} when absent."),
            *(OpenApiParameter(name, str, description="Only this value; - for a blank one.") for name in FILTERS),
            OpenApiParameter("limit", int, description="Rows a page, 1 to 500; 100 when absent."),
            OpenApiParameter("cursor", str, description="`next` of the page before."),
            OpenApiParameter("format", str, enum=["json", "csv"], description="csv: all rows in one file."),
        ],
        responses={
            200: OpenApiResponse(dict, "A row for each combination that has anything, and what they add up to."),
            400: OpenApiResponse(dict, "A parameter can't be read; `message` names it."),
            **ERRORS,
        },
        examples=[OpenApiExample("Campaigns", value=METRICS_ANSWER, response_only=True, status_codes=["200"])],
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Return what the cost pages show, counted by the same function."""
        query = request.GET.dict()
        now = timezone.now()
        today = now.astimezone(self.project.tz).date()
        period = _whole_days(get_period(query, zone=self.project.tz, now=now), today)
        by, where = _by(query), filters_in(query)
        found = metrics.counted(self.project, period, by, where, today=today)
        keys = sorted(found, key=lambda key: (-found[key].spend, -found[key].installs, [str(part) for part in key]))
        ages = metrics.ages_of(period, today)
        if query.get("format") == "csv":
            return _csv(by, [(key, found[key]) for key in keys])
        limit = limit_of(query, 100)
        start = _start(query.get("cursor", ""), keys)
        shown = keys[start : start + limit]
        return Response(
            {
                "from": f"{period.first}",
                "to": f"{period.last}",
                "timeZone": self.project.time_zone,
                "currency": self.project.currency,
                "by": [PUBLIC[name] for name in by],
                "filters": {PUBLIC[name]: value for name, value in where.items()},
                "rows": [
                    {
                        **{PUBLIC[name]: str(part) for name, part in zip(by, key, strict=True)},
                        **figures_of(found[key], ages),
                    }
                    for key in shown
                ],
                "total": figures_of(total(list(found.values())), ages),
                "next": encode([str(part) for part in shown[-1]]) if start + limit < len(keys) else None,
                "definitions": {name: measure.means for name, measure in MEASURES.items()},
            }
        )


def _whole_days(period: Period, today: date) -> Period:
    if period.key != "24h":
        return period
    first = today - timedelta(days=1)
    return Period.of_days("24h", "", first, today, zone=period.zone, now=period.until)


def _by(query: Mapping[str, str]) -> tuple[str, ...]:
    asked = [name.strip() for name in (query.get("by") or USUAL).split(",")]
    if len(asked) > MOST_DIMENSIONS or len(set(asked)) < len(asked) or not set(asked) <= set(BY):
        raise InvalidField.named("by", f"must be one to three different ones of {', '.join(BY)}, with commas.")
    return tuple(BY[name] for name in asked)


def _start(cursor: str, keys: list[Key]) -> int:
    """Return the place after the row that a cursor names; the first for a row that has gone meanwhile."""
    if not cursor:
        return 0
    last = decode(cursor, len(keys[0]) if keys else 1)
    return next((place for place, key in enumerate(keys, start=1) if [str(part) for part in key] == last), 0)


def figures_of(one: Figures, ages: list[metrics.Age]) -> dict[str, Any]:
    """Return figures as the API shows them: money as text, shares as numbers."""
    return {
        "spend": _money(one.spend),
        "spendWithoutRate": {currency: _money(amount) for currency, amount in sorted(one.unpriced.items())},
        "installs": one.installs,
        "paidInstalls": one.paid,
        "customers": one.customers,
        "cpi": _money(one.cpi),
        "ecpi": _money(one.ecpi),
        "cpa": _money(one.cpa),
        "cohortRevenue": _money(one.brought),
        "paidCohortRevenue": _money(one.paid_brought),
        "roas": _share(one.roas),
        "roi": _share(one.roi),
        "revenue": _money(one.revenue),
        "periodRoas": _share(one.period_roas),
        "clicks": one.clicks,
        "impressions": one.impressions,
        "byAge": [_age_of(one, age) for age in ages],
    }


def _age_of(one: Figures, age: metrics.Age) -> dict[str, Any]:
    aged = one.ages[age.age]
    if age.state == FUTURE:
        return {"age": age.age, "state": age.state, "installedUntil": None}
    return {
        "age": age.age,
        "state": age.state,
        "installedUntil": f"{age.until}",
        "installs": aged.installs,
        "spend": _money(aged.spend),
        "revenue": _money(aged.revenue),
        "paidRevenue": _money(aged.paid),
        "roas": _share(aged.roas),
        "revenuePerInstall": _money(aged.each),
    }


def _money(amount: Decimal | None) -> str | None:
    if amount is None:
        return None
    places = Decimal("0.0001") if amount == amount.quantize(Decimal("0.0001")) else Decimal("0.000001")
    return f"{amount.quantize(places):f}"


def _share(value: Decimal | None) -> float | None:
    return None if value is None else round(float(value), 6)


CSV_COLUMNS = (
    "spend", "installs", "paidInstalls", "customers", "cpi", "ecpi", "cpa", "cohortRevenue", "paidCohortRevenue",
    "roas", "roi", "revenue", "periodRoas", "clicks", "impressions",
)  # fmt: skip


def _csv(by: tuple[str, ...], rows: list[tuple[Key, Figures]]) -> HttpResponseBase:
    def lines() -> Any:
        for key, one in rows:
            shown = figures_of(one, [])
            ages = (_share(one.ages[age].roas) for age in AGES)
            apart = "; ".join(f"{amount} {currency}" for currency, amount in shown["spendWithoutRate"].items())
            values = (*(shown[name] for name in CSV_COLUMNS), apart, *ages)
            yield (*(str(part) for part in key), *("" if value is None else value for value in values))

    head = (*(PUBLIC[name] for name in by), *CSV_COLUMNS, "spendWithoutRate", *(f"roasDay{age}" for age in AGES))
    return csv_file("roas", head, lines())
