"""The numbers of cost: what each is called, what it means, how it is written."""

from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple

from attribution.costs.figures import Figures

Value = Decimal | int | None
INSTALLS, PERIOD = "installs", "period"


class Measure(NamedTuple):
    """A number of a row: its name, what it means, its value, how it is written, and whether less of it is better."""

    label: str
    means: str
    value: Callable[[Figures], Value]
    number: str = "money"
    falling_good: bool = False


MEASURES = {
    "spend": Measure(
        "Spend",
        "What networks were paid, in the project’s currency. Spend without an exchange rate stands apart.",
        lambda one: one.spend,
    ),
    "installs": Measure(
        "Installs",
        "First opens of the app, credited or organic, as on the campaigns page. Rejected ones are not among them.",
        lambda one: one.installs,
        "integer",
    ),
    "cpi": Measure(
        "CPI",
        "Cost per install: spend divided by the installs of campaigns that had spend in these days.",
        lambda one: one.cpi,
        falling_good=True,
    ),
    "ecpi": Measure(
        "eCPI",
        "Effective cost per install: spend divided by all installs, organic and unpaid ones included.",
        lambda one: one.ecpi,
        falling_good=True,
    ),
    "customers": Measure(
        "Customers", "Installs of these days that have brought revenue up to now.", lambda one: one.customers, "integer"
    ),
    "cpa": Measure(
        "Cost per customer",
        "Spend divided by the paid installs that have brought revenue up to now (cost per action, CPA).",
        lambda one: one.cpa,
        falling_good=True,
    ),
    "brought": Measure(
        "Revenue",
        "What the installs of these days have brought up to now, in the project’s currency. A reinstall’s revenue"
        " belongs to the first install.",
        lambda one: one.brought,
    ),
    "roas": Measure(
        "ROAS",
        "Return on ad spend: what installs of campaigns with spend have brought up to now, divided by the spend."
        " Organic revenue is not in it.",
        lambda one: one.roas,
        "percent",
    ),
    "roi": Measure(
        "ROI",
        "Return on investment: what is left of the revenue of paid installs after the spend, divided by the spend."
        " At 0% the money is back.",
        lambda one: one.roi,
        "percent",
    ),
    "revenue": Measure(
        "Revenue of the days",
        "Revenue that came in these days, whenever its people installed: the number of the campaigns page.",
        lambda one: one.revenue,
    ),
    "periodRoas": Measure(
        "ROAS of the days",
        "Revenue that people of campaigns with spend brought in these days, whenever they installed, divided by the"
        " spend of these days.",
        lambda one: one.period_roas,
        "percent",
    ),
    "periodRoi": Measure(
        "ROI of the days",
        "What is left of that revenue after the spend of these days, divided by the spend.",
        lambda one: one.period_roi,
        "percent",
    ),
    "clicks": Measure("Paid clicks", "Clicks that the networks’ reports tell.", lambda one: one.clicks, "integer"),
    "impressions": Measure(
        "Paid views", "Views of ads that the networks’ reports tell.", lambda one: one.impressions, "integer"
    ),
    "cpc": Measure(
        "CPC", "Spend divided by the clicks that the network tells.", lambda one: one.cpc, falling_good=True
    ),
    "cpm": Measure("CPM", "Spend for a thousand views that the network tells.", lambda one: one.cpm, falling_good=True),
}
# What stands for revenue and its quotients, by whose revenue is meant.
BY_BASIS = {
    INSTALLS: {"revenue": "brought", "roas": "roas", "roi": "roi"},
    PERIOD: {"revenue": "revenue", "roas": "periodRoas", "roi": "periodRoi"},
}
