"""Decided installs with their touches, written as rows, for the tests of models and cohorts."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any, NamedTuple

from attribution.models import Candidate, Conversion, Decision, Install, RuleSet, Touch
from customers.models import Project
from tests.attribution.factories import NOON, TouchFactory

_numbers = count(1)


class Step(NamedTuple):
    """A touch before an install, so many hours before it."""

    source: str
    hours: float = 1.0
    campaign: str = ""
    type: str = "click"
    tier: str = "click_id"
    eligible: bool = True


def journey(
    project: Project,
    steps: Sequence[str | Step] = (),
    *,
    at: datetime = NOON,
    kind: str = "install",
    source: str = "",
    winner: int | None = -1,
    revenue: Sequence[str] = (),
    **fields: Any,
) -> Decision:
    """Make a decided install whose touches are `steps`, the oldest first; the one at `winner` is credited."""
    number = next(_numbers)
    person = fields.pop("distinct_id", f"person-{number}")
    ids = {name: fields.pop(name) for name in ("device_id", "advertising_id") if name in fields}
    install = Install.objects.create(
        project=project,
        message_id=f"j-{number}",
        distinct_id=person,
        installed_at=at,
        received_at=at,
        pending=False,
        **ids,
    )
    read = [step if isinstance(step, Step) else Step(step, hours=len(steps) - at_) for at_, step in enumerate(steps)]
    touches = [
        TouchFactory(
            project=project, touch_id=f"t-{number}-{place}", type=step.type, ts=at - timedelta(hours=step.hours),
            source=step.source, campaign=step.campaign, **ids,
        )
        for place, step in enumerate(read)
    ]  # fmt: skip
    won = touches[winner] if touches and winner is not None else None
    rules, _ = RuleSet.objects.get_or_create(project=project, version=1, defaults={"rules": {}})
    decision = Decision.objects.create(
        project=project,
        install=install,
        kind=kind,
        state="final",
        tier=read[winner].tier if won and winner is not None else "organic",
        touch=won,
        source=won.source if won else source or "organic",
        campaign=won.campaign if won else "",
        installed_at=at,
        rule_set=rules,
        **fields,
    )
    for touch, step in zip(touches, read, strict=True):
        Candidate.objects.create(
            decision=decision, touch=touch, tier=step.tier, eligible=step.eligible, credited=touch == won,
            age_s=step.hours * 3_600,
        )  # fmt: skip
    for amount in revenue:
        convert(decision, amount)
    return decision


def convert(decision: Decision, amount: str | None, **fields: Any) -> Conversion:
    """Make something the person did an hour after the install, worth `amount`."""
    at = fields.pop("ts", decision.installed_at + timedelta(hours=1))
    return Conversion.objects.create(
        project=decision.project,
        message_id=f"c-{next(_numbers)}",
        distinct_id=decision.install.distinct_id,
        name="Order Completed",
        ts=at,
        received_at=at,
        install=decision.install,
        revenue=None if amount is None else Decimal(amount),
        **{"currency": decision.project.currency, **fields},
    )


def null(project: Project, device: str, sources: Sequence[str], *, at: datetime = NOON, **fields: Any) -> list[Touch]:
    """Make the touches of a device that never installed, the oldest first."""
    return [
        TouchFactory(
            project=project, touch_id=f"n-{next(_numbers)}", device_id=device, source=source, campaign="",
            ts=at - timedelta(hours=len(sources) - place), **fields,
        )
        for place, source in enumerate(sources)
    ]  # fmt: skip
