"""The report of differences in words, for page and API."""

from attribution.shadow import comparing
from attribution.shadow.comparing import Reason, Row
from attribution.shadow.report import Report
from growthplatform.core.formats import count, share

# From here on counts are called equal; below they are called close, then different.
EQUAL, CLOSE = 0.97, 0.9
MEANS = {
    comparing.TIME_ZONE: "Installs near midnight: your days are those of {ours}, {name}’s those of {zone}. Exact.",
    comparing.UNDELIVERED: "Requests that open the app whose copies {name} has not taken. It can’t count them.",
    comparing.NAMED_OTHERWISE: "A campaign that {name} seems to call otherwise. Name it below, and both are compared.",
    comparing.THEIR_WINDOW: "Organic here, because the click was older than your window; inside {name}’s window.",
    comparing.OUR_WINDOW: "Credited here to a click or view that is older than {name} looks back.",
    comparing.REINSTALLS: "Reinstalls keep the source of the first install here and are no new install; {name} may"
    " count them.",
    comparing.FRAUD: "Installs that a fraud rule of yours rejects; {name} may count them.",
    comparing.PROBABILISTIC: "Credited here by network and device alone; {name} may call them organic.",
    comparing.PROVISIONAL: "Decided less than a day ago; a late click may still move them.",
}


def verdict_of(report: Report) -> str:
    """Say in a sentence how equal the two counts are: "98.7% equal over 28 days"."""
    if report.verdict is None:
        return f"{report.name} has told nothing about these days."
    days = report.verdict.days
    return f"{share(report.verdict.share)} equal over {days} day{'' if days == 1 else 's'}"


def kind_of(value: float) -> str:
    """Return how a share of equality is marked: good, warn or bad."""
    return "good" if value >= EQUAL else "warn" if value >= CLOSE else "bad"


def totals_of(report: Report) -> str:
    """Say both sums, and what is left once the days are cut alike."""
    total, verdict = report.comparison.total, report.verdict
    if verdict is None:
        return ""
    text = f"{report.name} counted {count(total.theirs.installs)} installs, we {count(total.ours.installs)}"
    if total.difference:
        more = "more" if total.difference > 0 else "fewer"
        text += f": {count(abs(total.difference))} {more} than we"
    if verdict.recounted - verdict.share >= 0.0005:
        text += f". With our days cut as {report.name} cuts them, {share(verdict.recounted)} are equal"
    if number := len(report.comparison.aliases):
        text += f". {number} campaign{' seems' if number == 1 else 's seem'} only to be called otherwise, see below"
    return f"{text}."


def means(report: Report, reason: str, zone: str) -> str:
    """Say what a reason means; `zone` is the project's."""
    return MEANS[reason].format(name=report.name, ours=zone, zone=report.zone)


def reason_of(one: Reason) -> str:
    """Say a reason in a few words with its number: "+9 reinstalls …"."""
    sign = "+" if one.explains > 0 else ""
    return f"{sign}{count(one.explains)} · {one.words}"


def unexplained_of(row: Row) -> str:
    """Say how much of a difference nothing here explains."""
    left = row.unexplained
    return "" if not left else f"{'+' if left > 0 else ''}{count(left)} without a reason found here"
