"""What was spent, what it brought, and the quotients of both. Plain Python: no Django, clock or network."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

ZERO = Decimal(0)
# Days after the install up to which revenue is counted; 0 is the day of the install itself.
AGES = (0, 1, 3, 7, 14, 30, 90)
COMPLETE, PARTIAL, FUTURE = "complete", "partial", "future"


@dataclass
class Aged:
    """Installs that have had so many days, what they cost and what they had brought by then; `paid` is what those of
    campaigns with spend had brought.
    """

    installs: int = 0
    spend: Decimal = ZERO
    revenue: Decimal = ZERO
    paid: Decimal = ZERO

    @property
    def roas(self) -> Decimal | None:
        """Revenue of paid installs by then for each unit spent; None where nothing was."""
        return quotient(self.paid, self.spend)

    @property
    def each(self) -> Decimal | None:
        """Revenue by then for each install."""
        return quotient(self.revenue, Decimal(self.installs))

    def add(self, other: "Aged") -> None:
        self.installs += other.installs
        self.spend += other.spend
        self.revenue += other.revenue
        self.paid += other.paid


@dataclass
class Figures:
    """Spend in the project's currency, and what it brought.

    `unpriced` is spend without an exchange rate, by currency; it is in none of the quotients. `paid` are installs of
    campaigns that had spend, `customers` installs that brought revenue. `revenue` is that of the period, as the
    campaigns page has it; `brought` what the installs of the period have brought up to now. What begins with `paid_`
    is the part of paid campaigns: over organic people spend has no merit.
    """

    spend: Decimal = ZERO
    unpriced: dict[str, Decimal] = field(default_factory=dict)
    clicks: int = 0
    impressions: int = 0
    installs: int = 0
    paid: int = 0
    customers: int = 0
    paid_customers: int = 0
    revenue: Decimal = ZERO
    paid_revenue: Decimal = ZERO
    brought: Decimal = ZERO
    paid_brought: Decimal = ZERO
    ages: dict[int, Aged] = field(default_factory=lambda: {age: Aged() for age in AGES})

    @property
    def cpi(self) -> Decimal | None:
        """Spend for each install of a campaign that had spend."""
        return self._each(self.paid)

    @property
    def ecpi(self) -> Decimal | None:
        """Spend for each install, the organic and unpaid ones included."""
        return self._each(self.installs)

    @property
    def cpa(self) -> Decimal | None:
        """Spend for each paid install that brought revenue."""
        return self._each(self.paid_customers)

    @property
    def cpc(self) -> Decimal | None:
        """Spend for each click that the network tells."""
        return self._each(self.clicks)

    @property
    def cpm(self) -> Decimal | None:
        """Spend for a thousand views that the network tells."""
        found = self._each(self.impressions)
        return None if found is None else found * 1000

    @property
    def roas(self) -> Decimal | None:
        """What paid installs have brought for each unit spent."""
        return quotient(self.paid_brought, self.spend)

    @property
    def roi(self) -> Decimal | None:
        """What is left of what they brought after the spend, for each unit spent."""
        return quotient(self.paid_brought - self.spend, self.spend)

    @property
    def period_roas(self) -> Decimal | None:
        """Revenue of the period by people of paid campaigns, whenever they installed, for each unit spent in it."""
        return quotient(self.paid_revenue, self.spend)

    @property
    def period_roi(self) -> Decimal | None:
        return quotient(self.paid_revenue - self.spend, self.spend)

    @property
    def has_anything(self) -> bool:
        return bool(self.spend or self.unpriced or self.installs or self.revenue or self.brought or self.clicks)

    def _each(self, number: int) -> Decimal | None:
        return self.spend / number if self.spend and number else None

    def add(self, other: "Figures") -> None:
        """Count another one into this one."""
        self.spend += other.spend
        for currency, amount in other.unpriced.items():
            self.unpriced[currency] = self.unpriced.get(currency, ZERO) + amount
        self.clicks += other.clicks
        self.impressions += other.impressions
        self.installs += other.installs
        self.paid += other.paid
        self.customers += other.customers
        self.paid_customers += other.paid_customers
        self.revenue += other.revenue
        self.paid_revenue += other.paid_revenue
        self.brought += other.brought
        self.paid_brought += other.paid_brought
        for age in AGES:
            self.ages[age].add(other.ages[age])


def quotient(one: Decimal, other: Decimal) -> Decimal | None:
    """Divide; None by nothing."""
    return one / other if other else None


def state(age: int, first: date, last: date, today: date) -> str:
    """Say whether all installs of the days `first` to `last` have had `age` days after theirs, some, or none.

    A day counts when it is over, so that everybody has had the same time.
    """
    if last + timedelta(days=age) < today:
        return COMPLETE
    return PARTIAL if first + timedelta(days=age) < today else FUTURE


def complete_until(age: int, last: date, today: date) -> date:
    """Return the last day of installs that has had `age` days."""
    return min(last, today - timedelta(days=age + 1))


def total(figures: "list[Figures]") -> Figures:
    """Add everything up to one."""
    together = Figures()
    for one in figures:
        together.add(one)
    return together
