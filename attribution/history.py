"""What else is known of the device and the network of an install: installs before and after it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from attribution import networks
from attribution.candidates import Claimed
from attribution.facts import is_real_id
from attribution.fraud.rules import NO_INSTALL_COUNTS, InstallCounts
from attribution.rules import Rules
from events.store import raw_cursor

SIBLINGS = 100
NEIGHBOURS = 1_000
DAY = timedelta(days=1)
# As the index install_by_subnet has it: /24 of IPv4, /48 of IPv6.
SUBNET = "network(set_masklen({0}.ip, CASE family({0}.ip) WHEN 4 THEN 24 ELSE 48 END))"


def _siblings(condition: str, of_device: str) -> str:
    return f"""(
        SELECT id, installed_at, ip, {of_device} AS of_device FROM attribution_install s
        WHERE s.project_id = b.project_id AND {condition} AND s.kind = 'install' AND s.id <> b.id
          AND s.installed_at BETWEEN b.installed_at - b.days * interval '1 day'
              AND b.installed_at + b.days * interval '1 day'
        ORDER BY s.installed_at DESC LIMIT {SIBLINGS})"""  # noqa: S608


# Installs of the same device or person around each, and how many came from its part of the network in the hour before.
# Only those that had arrived before count, so that deciding again later finds the same.
PAST = f"""
WITH batch AS MATERIALIZED (
    SELECT * FROM json_to_recordset(%s::json) AS b(id bigint, project_id bigint, installed_at timestamptz,
        advertising_id text, device_id text, distinct_id text, ip inet, days int)
)
SELECT b.id, s.id, s.installed_at, host(s.ip), s.of_device, 0 FROM batch b CROSS JOIN LATERAL (
    {_siblings("s.advertising_id = b.advertising_id AND s.advertising_id <> ''", "true")}
    UNION ALL {_siblings("s.device_id = b.device_id AND s.device_id <> ''", "true")}
    UNION ALL {_siblings("md5(s.distinct_id) = md5(b.distinct_id) AND s.distinct_id = b.distinct_id", "false")}
) s
UNION ALL
SELECT b.id, NULL, NULL, NULL, NULL, n.seen FROM batch b CROSS JOIN LATERAL (
    SELECT count(*) AS seen FROM (
        SELECT FROM attribution_install s
        WHERE s.project_id = b.project_id AND s.ip IS NOT NULL AND {SUBNET.format("s")} = {SUBNET.format("b")}
          AND s.installed_at > b.installed_at - interval '1 hour' AND s.installed_at <= b.installed_at
          AND s.kind = 'install' AND s.id < b.id
        LIMIT {NEIGHBOURS}
    ) c
) n WHERE b.ip IS NOT NULL AND n.seen > 0
"""  # noqa: S608


@dataclass(slots=True)
class Past:
    """What is known around an install.

    `original` is the install before it of the same device or person, which makes it a reinstall; `later` are those
    after it, which it may make reinstalls.
    """

    original: int | None = None
    later: tuple[int, ...] = ()
    counts: InstallCounts = NO_INSTALL_COUNTS


def past_of(claimed: Sequence[Claimed], rules_of: Callable[[Claimed], Rules]) -> dict[int, Past]:
    """Return what is known around each install, by its id. A return to the app is not counted as an install."""
    installs = [install for install in claimed if not install.returning]
    siblings: dict[int, dict[int, tuple[datetime, str, bool]]] = {}
    neighbours: dict[int, int] = {}
    if installs:
        cursor = raw_cursor()
        asking = [_asked(one, rules_of(one)) for one in installs]
        cursor.execute(PAST, (orjson.dumps(asking).decode(),), binary=True)
        for install_id, sibling, at, ip, of_device, seen in cursor:
            if sibling is None:
                neighbours[install_id] = seen
            else:
                known = siblings.setdefault(install_id, {})
                known[sibling] = (at, ip or "", of_device or (sibling in known and known[sibling][2]))
    return {one.id: _past(one, siblings.get(one.id, {}), neighbours.get(one.id, 0)) for one in installs}


def _asked(install: Claimed, rules: Rules) -> dict[str, Any]:
    facts = install.facts
    return {
        "id": install.id,
        "project_id": install.project_id,
        "installed_at": facts.installed_at,
        "advertising_id": facts.advertising_id if is_real_id(facts.advertising_id) else "",
        "device_id": facts.device_id if is_real_id(facts.device_id) else "",
        "distinct_id": install.distinct_id,
        "ip": facts.ip or None,
        "days": max(rules.reinstall_days, 1),
    }


def _past(install: Claimed, siblings: dict[int, tuple[datetime, str, bool]], neighbours: int) -> Past:
    facts = install.facts
    mine = (facts.installed_at, install.id)
    earlier = [(at, pk) for pk, (at, _, _) in siblings.items() if (at, pk) < mine]
    addresses = {
        ip
        for pk, (at, ip, of_device) in siblings.items()
        if of_device and ip and pk < install.id and facts.installed_at - DAY <= at <= facts.installed_at
    }
    if facts.ip:
        addresses.add(facts.ip)
    return Past(
        max(earlier)[1] if earlier else None,
        tuple(pk for pk, (at, _, _) in siblings.items() if (at, pk) > mine),
        InstallCounts(neighbours, len(addresses), networks.kind_of(facts.ip) if facts.ip else ""),
    )
