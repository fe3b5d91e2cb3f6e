"""What matching by network learns of a project, and how right it is there: installs whose touch an id proves are
looked at as if they had brought no id."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q

from attribution import candidates, decisions, learning, matching, rule_sets
from attribution.candidates import Claimed, Found
from attribution.facts import CLICK, TouchFacts
from attribution.learning import Example, Measured
from attribution.ledger import Ledger
from attribution.matching import Around
from attribution.models import Decision, Install, MatchModel
from attribution.posterior import Model, Traffic
from attribution.rules import CLICK_ID, DEVICE_ID, INSTALL_REFERRER, ORGANIC, PROBABILISTIC, Rules
from customers.models import Project
from events.store import raw_cursor

# From so long ago at most, so many installs of a kind and clicks at most are looked at, the newest.
SPAN = timedelta(days=30)
INSTALLS = 6_000
CLICKS = 30_000
BATCH = 1_000
# One in so many is kept apart to measure with; the others teach.
KEPT_APART = 4
# A model serves so long, unless what can teach has doubled.
LASTS = timedelta(hours=23)
BY_CLICK = (INSTALL_REFERRER, CLICK_ID)
# Only Google Play says so, and its word is trusted.
ORGANIC_NOTE = "referrer_organic"
SEEN = """
SELECT os_name, os_version, device_model, locale, time_zone, screen FROM attribution_touch
WHERE project_id = %s AND type = 'click' AND NOT bot AND ts > %s ORDER BY ts DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """An example with the probabilities that the rules gave its clicks."""

    example: Example
    probabilities: Sequence[float]
    apart: bool


def learn_all(*, now: datetime) -> int:
    """Learn a model for each project with new installs whose model is missing or a day old; return how many."""
    recent = Install.objects.filter(project=OuterRef("pk"), received_at__gt=now - timedelta(days=1))
    projects = Project.objects.filter(Exists(recent)).exclude(ip_policy=Project.IpPolicy.TRUNCATED)
    return sum(learn(project, now=now) is not None for project in projects)


def learn(project: Project, *, now: datetime, force: bool = False) -> MatchModel | None:
    """Learn from the project's newest certain installs and keep a new model, with how right it was on those kept apart.

    None where there are too few, or the newest model will do; `force` does not ask that. Safe to repeat.
    """
    # A click id names the very click that led to the store; a device's last known click need not be its last.
    certain = _newest(project, now, tier__in=BY_CLICK, touch__isnull=False)
    if len(certain) < learning.FEWEST:
        certain = _newest(project, now, tier__in=(*BY_CLICK, DEVICE_ID), touch__isnull=False)
    newest = newest_of(project)
    if len(certain) < learning.FEWEST or not (force or _due(newest, len(certain), now)):
        return None
    organic = _newest(project, now, tier=ORGANIC, notes__contains=[ORGANIC_NOTE])
    unsure = _newest(project, now, ~Q(notes__contains=[ORGANIC_NOTE]), tier__in=(PROBABILISTIC, ORGANIC))
    rules = rule_sets.current([project.pk])[project.pk].rules
    old = Model.from_json(newest.model) if newest else Model()
    known = [*_judge(certain, rules, old, masked=True), *_judge(organic, rules, old, masked=True)]
    if sum(one.example.truth is not None for one in known) < learning.FEWEST:
        return None
    open_ = [one.example for one in _judge(unsure, rules, old, masked=False)]
    clicks = _clicks(project, now)
    model = learning.learn([one.example for one in known if not one.apart], open_, clicks)
    measured = _measure([one.example for one in known if one.apart], model, rules.accept)
    row = MatchModel.objects.create(
        project=project,
        created_at=now,
        model=model.to_json(),
        measured={**asdict(measured), "certain": len(certain), "of_the_store": len(organic)},
    )
    # What no decision was made by is of no use any more.
    unused = MatchModel.objects.filter(project=project, pk__lt=row.pk).exclude(
        Exists(Decision.objects.filter(project=project, match_model=OuterRef("pk")))
    )
    unused.delete()
    return row


def newest_of(project: Project) -> MatchModel | None:
    """Return the model that new installs of the project are decided by; None while it has none of its own."""
    return MatchModel.objects.filter(project=project).order_by("-pk").first()


def _due(newest: MatchModel | None, certain: int, now: datetime) -> bool:
    if newest is None or now - newest.created_at >= LASTS:
        return True
    return certain >= 2 * int(newest.measured.get("certain", 0))


def _newest(project: Project, now: datetime, *where: Q, **wanted: Any) -> list[int]:
    """Return the newest installs of the project whose decision is as wanted."""
    rows = Decision.objects.filter(
        *where, project=project, installed_at__gt=now - SPAN, kind=Decision.Kind.INSTALL, rejected=False, **wanted
    )
    return list(rows.order_by("-installed_at", "-id").values_list("install_id", flat=True)[:INSTALLS])


def _judge(ids: Iterable[int], rules: Rules, model: Model, *, masked: bool) -> list[Judged]:
    """Judge installs by their networks alone. `masked` hides their ids and what they brought along.

    Those that the rules match by no network at all, like phones without consent, are left out.
    """
    found: list[Judged] = []
    wanted = list(ids)
    for first in range(0, len(wanted), BATCH):
        claimed = candidates.of_installs(wanted[first : first + BATCH])
        asked = [one._replace(facts=learning.as_masked(one.facts)) for one in claimed] if masked else claimed
        models = {one.id: (None, model) for one in asked}
        batch = decisions.read_batch(asked, lambda _: rules, models, with_past=False)
        ledger = Ledger(batch.holds)
        for one in asked:
            near = batch.found.get(one.id) or Found()
            around = Around(
                model,
                near.traffic,
                ledger.taken(near.near, one.id, one.deadline),
                batch.flags.get(one.project_id, {}),
                near.clicks_hour,
            )
            judged = _one(one, near, rules, around, masked=masked)
            if judged:
                found.append(judged)
    return found


def _one(install: Claimed, near: Found, rules: Rules, around: Around, *, masked: bool) -> Judged | None:
    facts = install.facts
    if not facts.ip or not facts.os_name or facts.truncated:
        return None
    if rules.ios_needs_consent and facts.os_name == "ios" and facts.ad_tracking is not True:
        return None
    verdict = matching.decide(facts, list(near.touches.values()), rules, around)
    weighed = [one for one in verdict.candidates if one.tier == PROBABILISTIC and one.probability is not None]
    truth = None
    if masked and install.hold:
        truth = next((place for place, one in enumerate(weighed) if one.touch.id == install.hold.touch_id), None)
    clicks = [one.touch for one in weighed]
    # An address without any click has none on its account, and the quiet ones must count.
    earlier_s = max(rules.widest_window_s - rules.network_window_s, 0)
    traffic = around.traffic or Traffic(len(clicks), rules.network_window_s, 0, earlier_s)
    example = Example(facts, clicks, traffic, truth, organic=masked and install.hold is None)
    return Judged(example, [one.probability or 0.0 for one in weighed], apart=install.id % KEPT_APART == 0)


def _measure(examples: Sequence[Example], model: Model, accept: float) -> Measured:
    """Measure a model on examples that had no part in it, as many of them organic as among the unsure."""
    driven, organic = [one for one in examples if not one.organic], [one for one in examples if one.organic]
    findable = sum(one.truth is not None for one in driven) / len(driven) if driven else 1.0
    share = min(model.prior / max(findable, 0.01), 0.95)
    mixed = learning.mix(organic, driven, share) if organic else driven
    return learning.measure(mixed, learning.judged_by(model, mixed), accept)


def _clicks(project: Project, now: datetime) -> list[TouchFacts]:
    """Return a sample of the project's clicks, as far as they tell of devices."""
    cursor = raw_cursor()
    cursor.execute(SEEN, (project.pk, now - SPAN, CLICKS))
    return [
        TouchFacts(
            id=0, touch_id="", type=CLICK, ts=now, os_name=row[0], os_version=row[1], device_model=row[2],
            locale=row[3], time_zone=row[4], screen=row[5],
        )
        for row in cursor.fetchall()
    ]  # fmt: skip
