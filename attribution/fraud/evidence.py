"""What fraud rules have struck: counted by rule and source, and case by case with value and threshold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from attribution.fraud.catalogue import BLOCK, BY_CODE
from events.store import raw_cursor

SHOWN = 50
SHORT = {"seconds": "s", "clicks an hour": "clicks/h", "installs an hour": "installs/h", "addresses a day": "addresses"}
# Decisions made before rules had thresholds keep bare codes.
CODE = "COALESCE(f->>'code', f #>> '{}')"
ACTION = "COALESCE(f->>'action', 'block')"
OF_TOUCHES = f"""
SELECT {CODE} AS code, {ACTION} AS action, t.source, count(*), count(DISTINCT d.id),
       count(DISTINCT d.id) FILTER (WHERE c.credited)
FROM attribution_decision d
JOIN attribution_candidate c ON c.decision_id = d.id AND c.fraud <> '[]'
JOIN attribution_touch t ON t.id = c.touch_id
CROSS JOIN LATERAL jsonb_array_elements(c.fraud) f
WHERE d.project_id = %(project)s AND d.installed_at >= %(since)s AND d.installed_at < %(until)s
GROUP BY 1, 2, 3
"""  # noqa: S608
OF_INSTALLS = f"""
SELECT {CODE} AS code, {ACTION} AS action, d.source, 0, count(*), count(*)
FROM attribution_decision d CROSS JOIN LATERAL jsonb_array_elements(d.fraud) f
WHERE d.project_id = %(project)s AND d.installed_at >= %(since)s AND d.installed_at < %(until)s AND d.fraud <> '[]'
GROUP BY 1, 2, 3
"""  # noqa: S608
OF_CONVERSIONS = f"""
SELECT {CODE} AS code, {ACTION} AS action, '', 0, count(*), count(*)
FROM attribution_conversion v CROSS JOIN LATERAL jsonb_array_elements(v.fraud) f
WHERE v.project_id = %(project)s AND v.ts >= %(since)s AND v.ts < %(until)s AND v.fraud <> '[]'
GROUP BY 1, 2, 3
"""  # noqa: S608
BLOCKED = """
SELECT count(DISTINCT d.id) FROM attribution_decision d
JOIN attribution_candidate c ON c.decision_id = d.id AND c.fraud <> '[]' AND c.fraud @> '[{"action": "block"}]'
WHERE d.project_id = %(project)s AND d.installed_at >= %(since)s AND d.installed_at < %(until)s
"""
TOUCH_CASES = f"""
SELECT d.id, d.installed_at, t.id, t.touch_id, t.network_click_id, t.ts, t.source, t.publisher, t.campaign,
       {CODE}, f->>'value', (f->>'threshold')::float8, {ACTION}, c.credited
FROM attribution_decision d
JOIN attribution_candidate c ON c.decision_id = d.id AND c.fraud <> '[]'
JOIN attribution_touch t ON t.id = c.touch_id
CROSS JOIN LATERAL jsonb_array_elements(c.fraud) f
WHERE d.project_id = %(project)s AND d.installed_at >= %(since)s AND d.installed_at < %(until)s
  AND (%(source)s = '' OR t.source = %(source)s) AND (%(code)s = '' OR {CODE} = %(code)s)
ORDER BY d.installed_at DESC, d.id DESC, t.id DESC LIMIT %(limit)s
"""  # noqa: S608
INSTALL_CASES = f"""
SELECT d.id, d.installed_at, t.id, COALESCE(t.touch_id, ''), COALESCE(t.network_click_id, ''), t.ts, d.source,
       d.publisher, d.campaign, {CODE}, f->>'value', (f->>'threshold')::float8, {ACTION}, true
FROM attribution_decision d
LEFT JOIN attribution_touch t ON t.id = d.touch_id
CROSS JOIN LATERAL jsonb_array_elements(d.fraud) f
WHERE d.project_id = %(project)s AND d.installed_at >= %(since)s AND d.installed_at < %(until)s AND d.fraud <> '[]'
  AND (%(source)s = '' OR d.source = %(source)s) AND (%(code)s = '' OR {CODE} = %(code)s)
ORDER BY d.installed_at DESC, d.id DESC LIMIT %(limit)s
"""  # noqa: S608


@dataclass(slots=True)
class Tally:
    """What a rule has struck. Of `installs` that weighed a struck touch, `credited` went to that touch all the same."""

    touches: int = 0
    installs: int = 0
    credited: int = 0
    blocked: int = 0


class Case(NamedTuple):
    """One touch or install that a rule struck."""

    decision_id: int
    installed_at: datetime
    touch_pk: int | None
    touch_id: str
    network_click_id: str
    clicked_at: datetime | None
    source: str
    publisher: str
    campaign: str
    code: str
    value: str | None
    threshold: float | None
    action: str
    credited: bool

    @property
    def rule(self) -> str:
        return BY_CODE[self.code].name if self.code in BY_CODE else self.code

    @property
    def measured(self) -> str:
        """The value and the threshold in words, "" for a rule that has none."""
        rule = BY_CODE.get(self.code)
        if rule is None or self.value is None or self.value == "1.0":
            return ""
        if not rule.unit:
            return self.value
        return f"{written(float(self.value), rule.unit)}, limit {written(self.threshold or 0, rule.unit)}"


def written(value: float, unit: str) -> str:
    """Write a measured value with its unit."""
    if unit == "share":
        return f"{value * 100:.3g}%"
    number = f"{value:,.3g}" if value < 1_000 else f"{value:,.0f}"
    return f"{number} {SHORT.get(unit, unit)}"


def tallies(project_id: int, since: datetime, until: datetime, *, source: str = "") -> dict[str, Tally]:
    """Count what each rule has struck among the installs of a period, of one source where it is named."""
    asked = {"project": project_id, "since": since, "until": until}
    found: dict[str, Tally] = {}
    cursor = raw_cursor()
    for statement in (OF_TOUCHES, OF_INSTALLS, *(() if source else (OF_CONVERSIONS,))):
        for code, action, whose, touches, installs, credited in cursor.execute(statement, asked).fetchall():
            if source and whose != source:
                continue
            tally = found.setdefault(code, Tally())
            tally.touches += touches
            tally.installs += installs
            tally.credited += credited
            tally.blocked += installs if action == BLOCK else 0
    return found


def blocked_installs(project_id: int, since: datetime, until: datetime) -> int:
    """Count the installs of a period that weighed a click which a rule kept from winning."""
    asked = {"project": project_id, "since": since, "until": until}
    row = raw_cursor().execute(BLOCKED, asked).fetchone()
    return int(row[0]) if row else 0


def cases(
    project_id: int, since: datetime, until: datetime, *, code: str = "", source: str = "", limit: int = SHOWN
) -> Iterator[Case]:
    """Yield what was struck in a period, the newest installs first, up to `limit`."""
    asked: Mapping[str, Any] = {
        "project": project_id,
        "since": since,
        "until": until,
        "code": code,
        "source": source,
        "limit": limit,
    }
    rule = BY_CODE.get(code)
    statements = {"touch": (TOUCH_CASES,), "source": (TOUCH_CASES,), "install": (INSTALL_CASES,)}.get(
        rule.level if rule else "", (TOUCH_CASES, INSTALL_CASES)
    )
    rows = [Case(*row) for one in statements for row in raw_cursor().execute(one, asked).fetchall()]
    rows.sort(key=lambda case: (case.installed_at, case.decision_id), reverse=True)
    yield from rows[:limit]
