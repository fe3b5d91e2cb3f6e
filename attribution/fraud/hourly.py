"""The hourly look at sources and publishers: count, judge, raise and lower flags, have installs decided again."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from attribution import rule_sets
from attribution.facts import CLICK, TouchFacts
from attribution.fraud import rules as fraud
from attribution.fraud.catalogue import OFF, SIGNATURE_BREAKER
from attribution.fraud.sources import BARS, EDGES_S, NO_TIMES, SHARE_OF_BAD_SIGNATURES, Counted, Finding, findings
from attribution.models import Decision, FraudFlag
from attribution.rules import Rules
from customers.models import Project
from events.store import raw_cursor

# Times and devices are judged over a week, where that is too little over four; clicks over a day that ended an hour
# ago, so that most of their installs have come; signatures over the last hour.
MONTH, WEEK, DAY, HOUR = timedelta(days=28), timedelta(days=7), timedelta(days=1), timedelta(hours=1)
OF_INSTALLS = frozenset({"ctit_flat", "injector", "new_devices"})
REPEATS = 20
ANY_TIME = datetime.min.replace(tzinfo=UTC)

# All leave out what Meta and Apple tell afterwards: they tell only of touches that won, often without their time.
CLICKS = """
SELECT source, publisher, count(*) FILTER (WHERE ts < %(hour_ago)s),
       count(*) FILTER (WHERE ts >= %(hour_ago)s AND signature <> ''),
       count(*) FILTER (WHERE ts >= %(hour_ago)s AND signature IN ('invalid', 'expired'))
FROM attribution_touch
WHERE project_id = %(project)s AND ts >= %(day_ago)s AND ts < %(until)s AND type = 'click' AND NOT bot AND origin = ''
GROUP BY source, publisher
"""
REPEATED = """
SELECT source, publisher, sum(clicks) FROM (
    SELECT source, publisher, COALESCE(NULLIF(advertising_id, ''), device_id) AS device, count(*) AS clicks
    FROM attribution_touch
    WHERE project_id = %(project)s AND ts >= %(day_ago)s AND ts < %(hour_ago)s AND type = 'click' AND NOT bot
      AND origin = '' AND (advertising_id <> '' OR device_id <> '')
    GROUP BY source, publisher, campaign, device HAVING count(*) > %(repeats)s
) busy WHERE translate(device, '-:', '') !~ '^(.)\\1*$' GROUP BY source, publisher
"""
# A click that a rule has blocked counts like the one credited: else a source would look clean as soon as it is blocked.
BROUGHT = """
SELECT t.source, t.publisher, d.id, min(c.age_s) AS age_s, max(t.ts) AS ts
FROM attribution_decision d
JOIN attribution_candidate c ON c.decision_id = d.id AND c.age_s >= 0 AND (c.credited OR c.reasons ? 'fraud')
JOIN attribution_touch t ON t.id = c.touch_id AND t.type = 'click' AND NOT t.bot AND t.origin = ''
WHERE d.project_id = %(project)s AND d.installed_at >= %(week_ago)s AND d.installed_at < %(until)s
  AND d.kind = 'install'
GROUP BY t.source, t.publisher, d.id
"""
TIMES = f"""
SELECT source, publisher, width_bucket(age_s, %(edges)s::float8[]), count(*),
       count(*) FILTER (WHERE ts >= %(day_ago)s AND ts < %(hour_ago)s)
FROM ({BROUGHT}) brought GROUP BY 1, 2, 3
"""  # noqa: S608
# Of the installs that a source claims, those that had begun to download before its click.
INJECTED = """
SELECT t.source, t.publisher, count(DISTINCT d.id),
       count(DISTINCT d.id) FILTER (WHERE c.reasons ? 'click_after_download_began')
FROM attribution_decision d
JOIN attribution_install i ON i.id = d.install_id AND i.install_begin_at IS NOT NULL
JOIN attribution_candidate c ON c.decision_id = d.id AND c.age_s >= 0
  AND (c.credited OR c.reasons ? 'fraud' OR c.reasons ? 'click_after_download_began')
JOIN attribution_touch t ON t.id = c.touch_id AND t.type = 'click' AND NOT t.bot AND t.origin = ''
WHERE d.project_id = %(project)s AND d.installed_at >= %(week_ago)s AND d.installed_at < %(until)s
  AND d.kind = 'install'
GROUP BY t.source, t.publisher
"""
EARLIER = """
    EXISTS (SELECT FROM {table} o WHERE o.project_id = d.project_id AND i.{id} <> '' AND o.{id} <> ''
            AND o.{id} = i.{id} AND o.{time} < t.ts - interval '1 day')"""
SEEN_BEFORE = " OR ".join(
    EARLIER.format(table=table, id=id_, time=time)
    for table, time in (("attribution_touch", "ts"), ("attribution_install", "installed_at"))
    for id_ in ("advertising_id", "device_id")
)
KNOWN = f"""
SELECT t.source, t.publisher, count(*), count(*) FILTER (WHERE {SEEN_BEFORE})
FROM attribution_decision d
JOIN attribution_install i ON i.id = d.install_id
JOIN attribution_touch t ON t.id = d.touch_id AND t.type = 'click' AND t.origin = ''
WHERE d.project_id = %(project)s AND d.installed_at >= %(week_ago)s AND d.installed_at < %(until)s
  AND d.kind = 'install' AND translate(i.advertising_id || i.device_id, '-:0', '') <> ''
GROUP BY t.source, t.publisher
"""  # noqa: S608
# Which installs a flag could change: those that weighed a touch it is about.
REOPEN = """
UPDATE attribution_install i SET pending = true FROM attribution_decision d
WHERE d.install_id = i.id AND d.project_id = %(project)s AND d.installed_at >= %(since)s AND NOT i.pending AND EXISTS (
    SELECT FROM attribution_candidate c JOIN attribution_touch t ON t.id = c.touch_id
    WHERE c.decision_id = d.id AND t.source = %(source)s AND (%(publisher)s = '' OR t.publisher = %(publisher)s)
      AND t.ts >= %(since)s AND (%(until)s::timestamptz IS NULL OR t.ts < %(until)s)
)
"""
ONE_AT_A_TIME = "SELECT pg_try_advisory_xact_lock(hashtext('attribution.fraud.hourly'), %s)"


def run(*, now: datetime) -> int:
    """Look at every project that had clicks or installs within a week; return how many flags were raised or lowered.

    Safe to repeat; two at once leave each project to one of them.
    """
    recent = Decision.objects.filter(project=OuterRef("pk"), installed_at__gte=now - WEEK)
    up = FraudFlag.objects.filter(project=OuterRef("pk"), until=None)
    active = Project.objects.filter(Exists(recent) | Exists(up)).order_by("pk")
    return sum(look_at(project, now=now) for project in active)


def look_at(project: Project, *, now: datetime) -> int:
    """Judge the sources of one project and commit; return how many flags were raised or lowered."""
    with transaction.atomic():
        cursor = raw_cursor()
        cursor.execute(ONE_AT_A_TIME, (project.pk,))
        locked = cursor.fetchone()
        if not locked or not locked[0]:
            return 0
        rules = rule_sets.current([project.pk])[project.pk].rules
        return _keep(project, _found(project, rules, now), rules, now)


def _found(project: Project, rules: Rules, now: datetime) -> list[tuple[Finding, datetime]]:
    """Judge all sources; return what was found, with the moment from which on clicks are meant."""
    thresholds = thresholds_of(rules)
    spans = {SIGNATURE_BREAKER: HOUR, **dict.fromkeys(OF_INSTALLS, WEEK)}
    found = [(one, now - spans.get(one.code, DAY + HOUR)) for one in findings(count(project.pk, until=now), thresholds)]
    judged = {(one.code, one.source, one.publisher) for one, _ in found}
    return found + [
        (one, now - MONTH)
        for one in findings(count(project.pk, until=now, span=MONTH), thresholds)
        if one.code in OF_INSTALLS and (one.code, one.source, one.publisher) not in judged
    ]


def thresholds_of(rules: Rules) -> Callable[[str, str], float]:
    """Return the threshold of a code for a source, as the rules have it."""

    def threshold(code: str, source: str) -> float:
        if code == SIGNATURE_BREAKER:
            return SHARE_OF_BAD_SIGNATURES
        return fraud.setting(rules_for(rules, source), code)[1]

    return threshold


def rules_for(rules: Rules, source: str) -> Rules:
    """Return the rules that hold for a source."""
    return rules.for_touch(TouchFacts(0, "", CLICK, ANY_TIME, source=source))


def count(project_id: int, *, until: datetime, span: timedelta = WEEK, day: timedelta = DAY) -> list[Counted]:
    """Count what the rules about sources are judged by, for each source and publisher.

    Up to `until`: the installs of a `span`, and the clicks of a `day` that ended an hour before.
    """
    asked: dict[str, Any] = {
        "project": project_id,
        "until": until,
        "hour_ago": until - HOUR,
        "day_ago": until - HOUR - day,
        "week_ago": until - span,
        "repeats": REPEATS * max(1, day // DAY),
        "edges": list(EDGES_S),
    }
    groups: dict[tuple[str, str], Counted] = defaultdict(lambda: Counted("", ""))
    cursor = raw_cursor()
    for source, publisher, clicks, signed, badly in cursor.execute(CLICKS, asked):
        groups[source, publisher] = Counted(source, publisher, clicks=clicks, signed=signed, badly=badly)
    for source, publisher, repeated in cursor.execute(REPEATED, asked):
        groups[source, publisher] = replace(groups[source, publisher], repeated=int(repeated))
    times: dict[tuple[str, str], list[int]] = defaultdict(lambda: list(NO_TIMES))
    installs: dict[tuple[str, str], int] = defaultdict(int)
    for source, publisher, bar, number, of_clicks in cursor.execute(TIMES, asked):
        times[source, publisher][min(bar, BARS - 1)] += number
        installs[source, publisher] += of_clicks
    for place, bars in times.items():
        groups[place] = replace(groups[place], times=tuple(bars), installs=installs[place])
    for source, publisher, timed, injected in cursor.execute(INJECTED, asked):
        groups[source, publisher] = replace(groups[source, publisher], timed=timed, injected=injected)
    for source, publisher, with_id, known in cursor.execute(KNOWN, asked):
        groups[source, publisher] = replace(groups[source, publisher], with_id=with_id, known=known)
    return [replace(group, source=place[0], publisher=place[1]) for place, group in sorted(groups.items())]


def _keep(project: Project, found: Iterable[tuple[Finding, datetime]], rules: Rules, now: datetime) -> int:
    """Raise a flag for each new finding, refresh those that stand, lower those that no longer hold."""
    open_ = {
        (flag.code, flag.source, flag.publisher): flag
        for flag in FraudFlag.objects.filter(project=project, until=None).order_by("pk")
    }
    changed = 0
    for one, since in found:
        flag = open_.pop((one.code, one.source, one.publisher), None)
        on = one.code == SIGNATURE_BREAKER or fraud.setting(rules_for(rules, one.source), one.code)[0] != OFF
        if one.strikes and on:
            if flag is None:
                flag = FraudFlag(
                    project=project, code=one.code, source=one.source, publisher=one.publisher, since=since
                )
                changed += 1
            new = flag.pk is None
            flag.evidence, flag.updated_at = evidence_of(one), now
            flag.save()
            if new:
                reopen(flag)
        elif flag is not None:
            changed += _lower(flag, now)
    # Of these there was too little to judge: they stand until a week has passed without.
    return changed + sum(_lower(flag, now) for flag in open_.values() if flag.updated_at < now - WEEK)


def evidence_of(one: Finding) -> Mapping[str, Any]:
    return {"value": round(one.value, 6), "threshold": one.threshold, **one.evidence}


def _lower(flag: FraudFlag, now: datetime) -> int:
    flag.until = flag.updated_at = now
    flag.save(update_fields=["until", "updated_at"])
    return 1


def reopen(flag: FraudFlag) -> int:
    """Have those installs decided again that weighed touches the flag is about; return how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            REOPEN,
            {
                "project": flag.project_id,
                "since": flag.since,
                "until": flag.until,
                "source": flag.source,
                "publisher": flag.publisher,
            },
        )
        return int(cursor.rowcount)
