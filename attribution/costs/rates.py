"""Exchange rates: what one unit of a currency is worth in the project's, from a day on."""

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from django.db.models import Max, Min, Q, QuerySet, Sum
from django.utils import timezone

from attribution.costs import values
from attribution.costs.figures import ZERO
from attribution.models import ExchangeRate, Spend
from customers.models import Project
from growthplatform.core.errors import InvalidField

SMALLEST = Decimal("0.000000001")
MOST = Decimal(10) ** 9


class Gap(NamedTuple):
    """Spend of a currency that has no rate on its day: how much, and of which days."""

    currency: str
    amount: Decimal
    first: date
    last: date


def rates_of(project: Project) -> QuerySet[ExchangeRate]:
    """Return the rates that lead into the project's present currency."""
    return project.exchange_rates.filter(into=project.currency)


def save(project: Project, currency: str, day: date, rate: Decimal | str) -> tuple[ExchangeRate, Decimal | None]:
    """Keep a rate from a day on; return it and the one it replaced. Safe to repeat. Raises InvalidField."""
    code = values.read_currency(currency)
    if code is None:
        raise InvalidField.named("currency", f"There is no currency “{currency[:20]}”. Give its code, such as USD.")
    if code == project.currency:
        raise InvalidField.named("currency", f"{code} is the project’s own currency; it needs no rate.")
    if not 2000 <= day.year < 2100:
        raise InvalidField.named("day", "Give a day like 2026-11-20.")
    worth = _read(rate)
    before = rates_of(project).filter(currency=code, day=day).first()
    made, _ = ExchangeRate.objects.update_or_create(
        project=project,
        currency=code,
        into=project.currency,
        day=day,
        defaults={"rate": worth, "created_at": timezone.now()},
    )
    return made, before.rate if before else None


def _read(rate: Decimal | str) -> Decimal:
    try:
        worth = Decimal(str(rate).strip().replace(",", ".")).quantize(SMALLEST)
    except InvalidOperation:
        worth = ZERO
    if not worth.is_finite() or not 0 < worth < MOST:
        raise InvalidField.named("rate", "Give a number above 0, such as 0.92: what one unit is worth.")
    return worth


def gaps(project: Project, first: date | None = None, last: date | None = None) -> list[Gap]:
    """Return the currencies whose spend has no rate on its day, the largest amount first."""
    since = dict(rates_of(project).values_list("currency").annotate(first=Min("day")))
    spend = Spend.objects.filter(project=project).exclude(currency=project.currency)
    if first and last:
        spend = spend.filter(day__range=(first, last))
    priced = Q(pk=None)
    for currency, day in since.items():
        priced |= Q(currency=currency, day__gte=day)
    found = spend.exclude(priced).values("currency").annotate(amount=Sum("amount"), first=Min("day"), last=Max("day"))
    return sorted((Gap(**row) for row in found), key=lambda gap: -gap.amount)
