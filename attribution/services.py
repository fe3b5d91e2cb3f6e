"""The door of attribution: what other apps and pages may ask and do."""

from attribution import geo, networks
from attribution.calibration import learn_all
from attribution.costs.drafts import take_file as take_spend_file
from attribution.costs.rates import save as set_rate
from attribution.decisions import decide_pending
from attribution.erasure import erase
from attribution.explain import explained, summary
from attribution.forgetting import forget_person
from attribution.fraud.hourly import run as watch_sources
from attribution.installs import gather
from attribution.late import finish, reopen
from attribution.links import SlugTaken
from attribution.links import create as create_link
from attribution.queries import (
    by_source,
    campaign_totals,
    clicks_by_source,
    decisions_between,
    installs_between,
    installs_by_source,
    installs_waiting,
    sum_of,
    touches_between,
)
from attribution.retention import forget_old
from attribution.rule_sets import current as current_rules
from attribution.touches import Visit, find_link, record, take


def warm() -> None:
    """Read what every click looks up, when a web process starts."""
    geo.warm()
    networks.warm()


__all__ = [
    "SlugTaken",
    "Visit",
    "by_source",
    "campaign_totals",
    "clicks_by_source",
    "create_link",
    "current_rules",
    "decide_pending",
    "decisions_between",
    "erase",
    "explained",
    "find_link",
    "finish",
    "forget_old",
    "forget_person",
    "gather",
    "installs_between",
    "installs_by_source",
    "installs_waiting",
    "learn_all",
    "record",
    "reopen",
    "set_rate",
    "sum_of",
    "summary",
    "take",
    "take_spend_file",
    "touches_between",
    "warm",
    "watch_sources",
]
