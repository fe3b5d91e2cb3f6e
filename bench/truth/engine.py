"""The product on a world: told of it hour by hour, as it would have been, and asked for its decisions at the end."""

import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection, transaction

from attribution import calibration, candidates, deciding, decisions, installs, late, networks, rule_sets, store
from attribution.fraud import at_click, hourly
from attribution.installs import InstallRow
from attribution.models import Decision, Install, LateBatch, MatchModel, NetworkRange
from attribution.rules import ORDER, Rules
from attribution.store import TouchRow
from bench import data
from bench.truth import told
from bench.truth.people import HOUR, Ints
from bench.truth.world import DAY, World
from customers.models import Project
from events.store import Inet

# What a project with keys and lists sets; the other rules stay as they are shipped.
BLOCKING = {code: {"action": "block"} for code in ("click_signature", "sdk_signature", "ip_datacenter", "ctit_flat")}
MACHINES = ("198.18.0.0", "198.18.15.255")


@dataclass
class Outcome:
    """What the product decided, one row for each install of the world; `touch` is -1 for organic."""

    touch: Ints
    tier: list[str]
    probability: np.ndarray[Any, Any]
    rejected: np.ndarray[Any, Any]
    kind: list[str]
    install_codes: list[set[str]]
    flagged: dict[str, set[str]]
    touch_codes: dict[int, set[str]]
    weighed: set[int]
    seconds: float
    work: "Work"
    project: Project
    revised: int
    measured: dict[str, Any]


@dataclass
class Work:
    """How much was decided, how long that took, and how long for each hour of the world."""

    decided: int
    deciding_s: float
    waits_ms: list[float]
    parts: dict[str, float]


def run(world: World, *, seed: int, blocking: bool = True) -> Outcome:
    """Tell the product of a world and let it decide; its own clock is set to the world's."""
    begun = time.perf_counter()
    project_id, _ = data.fresh_project(f"truth-{int(time.time())}")
    project = Project.objects.get(pk=project_id)
    if blocking:
        rule_sets.publish(project, Rules(fraud=BLOCKING), "Block what strikes", None)
    listed = NetworkRange.objects.create(kind="datacenter", first=MACHINES[0], last=MACHINES[1], name="bench")
    networks.forget_cached()
    try:
        work = _tell(world, project, np.random.default_rng(seed + 1))
        return _read(world, project, work, time.perf_counter() - begun)
    finally:
        listed.delete()
        networks.forget_cached()


def _tell(world: World, project: Project, rng: np.random.Generator) -> Work:
    touches, made = world.touches, world.installs
    # A part of everything is delivered a second time.
    received, which = _with_repeats(touches.received, rng, 0.03)
    arrived, who = _with_repeats(made.received, rng, 0.02)
    order, by_arrival = np.argsort(received, kind="stable"), np.argsort(arrived, kind="stable")
    received, which, arrived, who = received[order], which[order], arrived[by_arrival], who[by_arrival]
    first = int(np.searchsorted(received, 0.0))
    for begin in range(0, first, 20_000):
        _store_touches(world, project, which[begin : min(begin + 20_000, first)])
    LateBatch.objects.filter(project=project).delete()
    end = max(float(arrived.max()), world.size.days * DAY) + HOUR
    waits: list[float] = []
    deciding, decided, parts = 0.0, 0, dict[str, float]()
    done_touches, done_installs = first, 0
    # After the last day only what is late comes in.
    last = world.size.days * 24
    for hour in (*range(1, last + 1), *range(last + 6, int(end / HOUR) + 7, 6)):
        upto, now = hour * HOUR, told.moment(hour * HOUR)
        began = time.perf_counter()
        stop = int(np.searchsorted(received, upto))
        _store_touches(world, project, which[done_touches:stop])
        done_touches = stop
        stop = int(np.searchsorted(arrived, upto))
        _store_installs(world, project, who[done_installs:stop])
        done_installs = stop
        if hour % 12 == 1:
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE attribution_touch, attribution_install, attribution_decision")
        began = _took(parts, "storing", began)
        late.reopen(now=now)
        while number := decisions.decide_pending(1_000, now=now):
            decided += number
            late.reopen(now=now)
        spent = time.perf_counter() - began
        deciding += spent
        waits.append(spent * 1000)
        if hour % 12 == 0 and hour <= last:
            hourly.look_at(project, now=now)
        began = _took(parts, "fraud", began + spent)
        if hour % 12 == 6 and hour <= last:
            calibration.learn(project, now=now)
        _took(parts, "learning", began)
        if hour % 24 == 0:
            late.finish(now=now)
    hourly.look_at(project, now=told.moment(end))
    while number := decisions.decide_pending(1_000, now=told.moment(end)):
        decided += number
        late.reopen(now=told.moment(end))
    return Work(decided, deciding, waits, parts)


def _took(parts: dict[str, float], name: str, since: float) -> float:
    """Add the time since then to a part of the work; return the time now."""
    now = time.perf_counter()
    parts[name] = parts.get(name, 0.0) + now - since
    return now


def _with_repeats(times: np.ndarray[Any, Any], rng: np.random.Generator, share: float) -> tuple[Any, Any]:
    again = np.flatnonzero(rng.random(len(times)) < share)
    later = times[again] + rng.uniform(1, 600, len(again))
    return np.concatenate([times, later]), np.concatenate([np.arange(len(times)), again])


def _store_touches(world: World, project: Project, which: Ints) -> None:
    received = world.touches.received
    rows = {}
    for one in which.tolist():
        fields = told.touch_fields(world, one)
        ip = fields.pop("ip")
        rows[one] = TouchRow(
            project_id=project.pk, link_id=None, received_at=told.moment(max(received[one], world.touches.ts[one])),
            clamped=False, medium="", content="", term="", campaign_id="", network_click_id="", device_id="",
            app=told.APP, user_agent="", time_zone="", ip=Inet.parse(ip), flags=at_click.flags_of(ip), **fields,
        )  # fmt: skip
    store.store_many(project.pk, list(rows.values()))


def _store_installs(world: World, project: Project, which: Ints) -> None:
    rows = {}
    for one in which.tolist():
        fields = told.install_fields(world, one)
        ip = fields.pop("ip")
        rows[one] = InstallRow(
            project_id=project.pk, message_id=f"i{one}", kind="install", distinct_id=f"p{world.installs.person[one]}",
            received_at=told.moment(world.installs.received[one]), referrer_click_at=None, ip=Inet.parse(ip),
            app=told.APP, user_id="", phone_sha256="", pending=True, **fields,
        )  # fmt: skip
    with transaction.atomic():
        installs._store(list(rows.values()))  # noqa: SLF001 -- the product's writer, without the events around


def _read(world: World, project: Project, work: Work, seconds: float) -> Outcome:
    number = len(world.installs)
    touch, probability = np.full(number, -1), np.full(number, np.nan)
    rejected, tier, kind = np.zeros(number, dtype=bool), [""] * number, [""] * number
    codes: list[set[str]] = [set() for _ in range(number)]
    revised = 0
    rows = Decision.objects.filter(project=project).values_list(
        "install__message_id", "touch__touch_id", "tier", "probability", "rejected", "kind", "fraud", "revision"
    )
    for message, touch_id, found, how_likely, thrown_out, sort, struck, revision in rows.iterator(chunk_size=5_000):
        one = int(message[1:])
        touch[one] = int(touch_id[1:]) if touch_id else -1
        tier[one], kind[one], rejected[one] = found, sort, thrown_out
        probability[one] = np.nan if how_likely is None else how_likely
        codes[one] = {each["code"] for each in struck}
        revised += revision > 1
    touch_codes: dict[int, set[str]] = {}
    weighed: set[int] = set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT t.touch_id, c.fraud FROM attribution_candidate c"
            " JOIN attribution_decision d ON d.id = c.decision_id JOIN attribution_touch t ON t.id = c.touch_id"
            " WHERE d.project_id = %s",
            [project.pk],
        )
        for touch_id, struck in cursor.fetchall():
            place = int(touch_id[1:])
            weighed.add(place)
            found_codes = json.loads(struck) if isinstance(struck, str) else struck
            if found_codes:
                touch_codes.setdefault(place, set()).update(one["code"] for one in found_codes)
    flagged: dict[str, set[str]] = {}
    for code, source in project.fraud_flags.values_list("code", "source"):
        flagged.setdefault(code, set()).add(source)
    newest = MatchModel.objects.filter(project=project).order_by("-pk").first()
    return Outcome(
        touch, tier, probability, rejected, kind, codes, flagged, touch_codes, weighed, seconds, work, project, revised,
        newest.measured if newest else {},
    )  # fmt: skip


# Not the default: a likely click of the network that is later goes before an older certain one.
EQUAL_RANK = (ORDER[0], (*ORDER[1], *ORDER[2], *ORDER[3]), *ORDER[4:])


def decided_by(world: World, project: Project, rules: Rules) -> tuple[Ints, list[str]]:
    """Decide all installs of a world again by other rules, without writing; return touch and tier of each."""
    touch, tier = np.full(len(world.installs), -1), [""] * len(world.installs)
    names = dict(Install.objects.filter(project=project).order_by("id").values_list("id", "message_id"))
    ids = list(names)
    for first in range(0, len(ids), 2_000):
        batch = decisions.read_batch(candidates.of_installs(ids[first : first + 2_000]), lambda _: rules)
        for one in deciding.decide_batch(batch, lambda _: rules, explain=False).decided:
            if one.rejected or str(one.kind) != "install":
                continue
            place = int(names[one.claimed.id][1:])
            tier[place] = one.verdict.tier
            if one.verdict.touch:
                touch[place] = int(one.verdict.touch.touch_id[1:])
    return touch, tier


def forget(project: Project) -> None:
    """Delete all that was stored of a world."""
    Decision.objects.filter(project=project).update(match_model=None, original=None, touch=None)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM attribution_candidate WHERE decision_id IN"
            " (SELECT id FROM attribution_decision WHERE project_id = %s)",
            [project.pk],
        )
        for table in ("decision", "install", "touch", "latebatch", "matchmodel", "fraudflag"):
            cursor.execute(f"DELETE FROM attribution_{table} WHERE project_id = %s", [project.pk])
