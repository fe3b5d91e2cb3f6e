"""A replay from its start to its approval. Each step is one conditional update, so none can be taken twice."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db import transaction

from attribution import rule_sets
from attribution.models import Decision, Replay, ReplayChange, RuleSet
from attribution.rules import Rules, problems
from customers.models import Project
from growthplatform.core.errors import InvalidField, Problem

State = Replay.State
AT_WORK = (State.WAITING, State.RUNNING, State.APPLYING)


class ReplayRunning(Problem):
    status = 409
    code = "replay_running"
    message = "Another replay of this project is at work. Wait for its end or cancel it."


class NotApprovable(Problem):
    """It is not done yet, or was approved or canceled already."""

    status = 409
    code = "not_approvable"

    def __init__(self, state: str) -> None:
        words = Replay.State(state).label.lower()
        super().__init__(f"This replay is {words}; only one that is ready can be approved, and once.")


class NotCancelable(Problem):
    status = 409
    code = "not_cancelable"

    def __init__(self, state: str) -> None:
        super().__init__(f"This replay is {Replay.State(state).label.lower()} and can't be canceled any more.")


class Past(NamedTuple):
    """A period to try rules on."""

    name: str
    label: str
    since: datetime
    until: datetime


def periods(project: Project, *, now: datetime) -> dict[str, Past]:
    """Return the periods that a form offers, by name."""
    lengths = (("7d", "The last 7 days", 7), ("28d", "The last 28 days", 28), ("90d", "The last 90 days", 90))
    found = {name: Past(name, label, now - timedelta(days=days), now) for name, label, days in lengths}
    first = Decision.objects.filter(project=project).order_by("installed_at", "id").first()
    since = min(first.installed_at if first else now, now - timedelta(minutes=1))
    return {**found, "all": Past("all", "Everything", since, now)}


def start(
    project: Project,
    rules: Rules | Mapping[str, Any],
    since: datetime,
    until: datetime,
    *,
    note: str = "",
    user: User | None = None,
) -> Replay:
    """Order a replay of the installs in [since, until); a worker takes it up within seconds.

    Raises InvalidField for rules that make no sense or an empty period, ReplayRunning.
    """
    stored = rules.to_json() if isinstance(rules, Rules) else dict(rules)
    check(stored)
    if since >= until:
        raise InvalidField.named("to", "The period must end after it begins.")
    with transaction.atomic():
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        if project.replays.filter(state__in=AT_WORK).exists():
            raise ReplayRunning
        base = rule_sets.current([project.pk])[project.pk]
        return Replay.objects.create(
            project=project,
            base_id=base.pk,
            rules=Rules.from_json(stored).to_json(),
            since=since,
            until=until,
            note=note[: rule_sets.NOTE],
            created_by=user,
        )


def check(stored: Mapping[str, Any]) -> None:
    """Raise InvalidField, with every problem, for rules that are malformed or contradict themselves."""
    found = problems(stored)
    if found:
        raise InvalidField(" ".join(f"{one['field']}: {one['message']}" for one in found), detail=found)


def cancel(replay: Replay, *, now: datetime) -> Replay:
    """End a replay without changing anything. Safe to repeat. Raises NotCancelable once it is approved."""
    states = (State.WAITING, State.RUNNING, State.DONE, State.FAILED)
    done = Replay.objects.filter(pk=replay.pk, state__in=states).update(state=State.CANCELED, finished_at=now)
    replay.refresh_from_db()
    if not done and replay.state != State.CANCELED:
        raise NotCancelable(replay.state)
    if done:
        # A worker that is still in a part can't commit it any more: that takes the state which has just ended.
        ReplayChange.objects.filter(replay=replay).delete()
    return replay


def approve(replay: Replay, user: User | None) -> RuleSet:
    """Publish the rules of a replay as the next version and begin to apply it to the replay's period.

    Raises NotApprovable, and RulesOvertaken when the rules have changed since: the difference shown is then not
    what would happen.
    """
    with transaction.atomic():
        taken = Replay.objects.filter(pk=replay.pk, state=State.DONE).update(state=State.APPLYING, done=0)
        if not taken:
            replay.refresh_from_db(fields=["state"])
            raise NotApprovable(replay.state)
        project = replay.project
        made = rule_sets.publish(
            project, replay.rules, replay.note or f"Replay {replay.pk}", user, base=replay.base.version
        )
        Replay.objects.filter(pk=replay.pk).update(rule_set=made)
    replay.refresh_from_db()
    return made
