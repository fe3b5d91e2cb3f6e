"""Rules by which refused events are repaired and sent again: those that wait now, and those to come."""

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from difflib import ndiff

from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import F, Max, Q, QuerySet

from customers.models import Project
from events import repairing
from events.models import Rejected, RepairRule
from events.repairing import Repair
from events.repairs import AlreadyReplayed, readable, replay_once
from events.segments import locks
from growthplatform.core.errors import InvalidField, Problem

ACTIONS = RepairRule.Action.values
LONGEST = {"name": 100, "code": 40, "path": 100, "field": 100, "action": 10, "value": 300, "old": 300}
# A preview looks at this many of the newest refusals, and shows that many of them by so many lines.
LOOKED_AT, SHOWN, LINES = 100, 3, 60
CHUNK = 50
# A refusal that a rule repairs may show its next fault, which another rule repairs, and so on.
STEPS = 5


@dataclass(frozen=True)
class Example:
    """One refusal before and after a rule, and what would still be wrong with it."""

    rejected_id: int
    lines: Sequence[tuple[str, str]]
    """The request line by line: " " as it was, "-" what goes, "+" what comes."""
    problem: str = ""


@dataclass(frozen=True)
class Preview:
    """What a rule would do now: to `looked_at` of the `waiting` refusals that it is for, the newest ones."""

    waiting: int
    looked_at: int
    repaired: int
    unchanged: int
    wrong: Mapping[str, int] = field(default_factory=dict)
    examples: Sequence[Example] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of one refusal: the rules that were tried, and what is still wrong with it, if anything is."""

    rules: Sequence[RepairRule]
    path: str
    body: bytes
    problem: Problem | None = None

    @property
    def repaired(self) -> bool:
        return bool(self.rules) and self.problem is None


@dataclass(frozen=True)
class Progress:
    """How far a rule is: what it repaired, what it could not, what it has not tried yet."""

    repaired: int
    wrong: int
    left: int

    @property
    def total(self) -> int:
        return self.repaired + self.wrong + self.left


def draft(project: Project, given: Mapping[str, str]) -> RepairRule:
    """Return a rule that is not kept yet. Raises InvalidField, naming the field."""
    text = {name: given.get(name, "") for name in LONGEST}
    for name in ("name", "code", "path", "field", "action"):
        text[name] = text[name].strip()
    for name, value in text.items():
        if len(value) > LONGEST[name] or "\x00" in value:
            raise InvalidField.named(name, f"has at most {LONGEST[name]} characters and no NUL.")
    _check(text)
    text["name"] = text["name"] or words_of(RepairRule(**text))[:100]
    return RepairRule(project=project, **text)


def _check(text: Mapping[str, str]) -> None:
    if not text["code"]:
        raise InvalidField.named("code", "Say which refusals the rule repairs.")
    if not text["field"]:
        raise InvalidField.named("field", "Name the member of the body that is changed, or “path”.")
    action = text["action"]
    if action not in ACTIONS:
        raise InvalidField.named("action", f"must be one of {', '.join(ACTIONS)}.")
    if text["field"] == repairing.PATH and action in {repairing.RENAME, repairing.REMOVE}:
        raise InvalidField.named("action", "The address can be put before, set, or replaced in.")
    if action in {repairing.PREFIX, repairing.RENAME} and not text["value"]:
        raise InvalidField.named("value", "What is written there?")
    if action == repairing.REPLACE and not text["old"]:
        raise InvalidField.named("old", "What is replaced?")
    if text["path"] and not text["path"].startswith("/"):
        raise InvalidField.named("path", "An address begins with a slash.")


def create(project: Project, given: Mapping[str, str], *, user: User | None = None) -> RepairRule:
    """Keep a rule: what waits is repaired within seconds, and so is what comes from now on. Raises InvalidField."""
    rule = draft(project, given)
    rule.created_by = user
    rule.save(force_insert=True)
    _note(rule, LogEntry.Action.CREATE, {"rule": ["", words_of(rule)]}, user)
    return rule


def pause(rule: RepairRule, *, now: datetime, user: User | None = None) -> bool:
    """Let a rule rest; say whether it was active. What it repaired stays. Safe to repeat."""
    done = RepairRule.objects.filter(pk=rule.pk, paused_at=None).update(paused_at=now)
    if done:
        _note(rule, LogEntry.Action.UPDATE, {"state": ["active", "paused"]}, user)
    return bool(done)


def resume(rule: RepairRule, *, now: datetime, user: User | None = None) -> bool:
    """Let a rule work again, also on what came meanwhile; say whether it was paused. Safe to repeat."""
    done = RepairRule.objects.filter(pk=rule.pk).exclude(paused_at=None).update(paused_at=None, changed_at=now)
    if done:
        _note(rule, LogEntry.Action.UPDATE, {"state": ["paused", "active"]}, user)
    return bool(done)


def remove(rule: RepairRule, *, user: User | None = None) -> None:
    """Delete a rule; what it repaired stays."""
    _note(rule, LogEntry.Action.DELETE, {"rule": [words_of(rule), ""]}, user)
    rule.delete()


def words_of(rule: RepairRule) -> str:
    """Say in a sentence what a rule does."""
    what = "the last part of the address" if rule.field == repairing.PATH else rule.field
    match rule.action:
        case repairing.PREFIX:
            return f"Put “{rule.value}” before {what}"
        case repairing.SET:
            return f"Set {what} to “{rule.value}”"
        case repairing.REPLACE:
            place = "the address" if rule.field == repairing.PATH else what
            return f"Replace “{rule.old}” by “{rule.value}” in {place}"
        case repairing.RENAME:
            return f"Rename {what} to {rule.value}"
    return f"Remove {what}"


def waiting_for(rule: RepairRule) -> QuerySet[Rejected]:
    """Return the open refusals that a rule is for; those of which only the beginning was kept can't be repaired."""
    rows = Rejected.objects.filter(project=rule.project_id, code=rule.code, state=Rejected.State.OPEN, cut=False)
    return rows.filter(path__startswith=rule.path) if rule.path else rows


def progress(rule: RepairRule) -> Progress:
    """Return how far a rule is with what waits."""
    changed_at = _changed_at(rule.project_id)
    waiting = waiting_for(rule)
    tried = waiting.filter(tried_at__gte=changed_at).count() if changed_at else 0
    return Progress(rule.repaired, tried, waiting.count() - tried)


def preview(rule: RepairRule) -> Preview:
    """Try a rule on the newest refusals it is for, without keeping anything, together with the project's others."""
    waiting = waiting_for(rule)
    others = active(rule.project_id).exclude(pk=rule.pk)
    rules = [rule, *others]
    repaired = unchanged = 0
    wrong: Counter[str] = Counter()
    examples: list[Example] = []
    rows = list(waiting.select_related("project").order_by("-pk")[:LOOKED_AT])
    with transaction.atomic():
        outcomes = [dry_run(row, rules) for row in rows]
    for row, done in zip(rows, outcomes, strict=True):
        if rule not in done.rules:
            unchanged += 1
            continue
        repaired += done.problem is None
        if done.problem:
            wrong[done.problem.message] += 1
        # Those that would be repaired are shown first, and one that would not.
        if len(examples) < SHOWN:
            examples.append(_example(row, done))
    examples.sort(key=lambda one: bool(one.problem))
    return Preview(waiting.count(), len(rows), repaired, unchanged, dict(wrong.most_common(5)), examples)


def _example(row: Rejected, done: Outcome) -> Example:
    before = [row.path, *readable(row.body).splitlines()]
    after = [done.path, *readable(done.body.decode(errors="replace")).splitlines()]
    lines = [(line[0], line[2:]) for line in ndiff(before[:LINES], after[:LINES]) if line[0] != "?"]
    return Example(row.pk, lines, done.problem.message if done.problem else "")


def dry_run(rejected: Rejected, rules: Sequence[RepairRule]) -> Outcome:
    """Say what rules would make of a refusal: everything is done as it would be, and taken back."""
    with transaction.atomic():
        done = attempt(rejected, rules)
        transaction.set_rollback(True)
    return done


def attempt(rejected: Rejected, rules: Sequence[RepairRule]) -> Outcome:
    """Repair a refusal by rules and send it again; a fault that shows up then may be another rule's.

    Safe to repeat and at the same moment: the refusal is locked, and what was replayed is not replayed again.
    """
    path, body, code = rejected.path, rejected.body.encode(), rejected.code
    used: list[RepairRule] = []
    problem: Problem | None = None
    for _ in range(STEPS):
        step = _step(code, path, body, (rule for rule in rules if rule not in used))
        if step is None:
            break
        rule, path, body = step
        used.append(rule)
        try:
            replay_once(rejected, body, path=path)
        except Problem as still:
            problem, code = still, still.code
        else:
            return Outcome(used, path, body)
    return Outcome(used, path, body, problem)


def _step(code: str, path: str, body: bytes, rules: Iterable[RepairRule]) -> tuple[RepairRule, str, bytes] | None:
    """Return the first rule that is for this code and address and changes something, with what it makes of them."""
    for rule in rules:
        if rule.code != code or not path.startswith(rule.path):
            continue
        done = repairing.changed(Repair(rule.field, rule.action, rule.value, rule.old), path, body)
        if done:
            return rule, *done
    return None


def active(project_id: int) -> QuerySet[RepairRule]:
    return RepairRule.objects.filter(project=project_id, paused_at=None).order_by("pk")


def _changed_at(project_id: int) -> datetime | None:
    found: datetime | None = active(project_id).aggregate(at=Max("changed_at"))["at"]
    return found


def work_all(*, until: float = float("inf")) -> int:
    """Repair what waits in all projects that have rules, until a moment of the monotonic clock; return how many.

    Twice at once is harmless: one works on a project, and each refusal is replayed under its lock, and once.
    """
    number = 0
    projects = Project.objects.filter(repair_rules__paused_at=None, repair_rules__isnull=False, deleted_at=None)
    for project_id in projects.order_by("pk").values_list("pk", flat=True).distinct():
        with suppress(locks.Busy), locks.alone(project_id, family=locks.REPAIRS):
            number += work(project_id, until=until)
        if time.monotonic() >= until:
            break
    return number


def work(project_id: int, *, until: float = float("inf")) -> int:
    """Repair what waits in one project by its rules; return how many. What they can't is tried when rules change."""
    rules, number = list(active(project_id)), 0
    while rules and time.monotonic() < until:
        newest = max(rule.changed_at for rule in rules)
        untried = Q(tried_at=None) | Q(tried_at__lt=newest)
        rows = Rejected.objects.filter(
            untried, project=project_id, code__in={rule.code for rule in rules}, state=Rejected.State.OPEN, cut=False
        )
        found = list(rows.select_related("project").order_by("pk")[:CHUNK])
        with transaction.atomic():  # one commit for all of them: each by itself would wait for the disk
            number += _worked(found, rules, newest)
        if len(found) < CHUNK:
            break
    return number


def _worked(rows: Sequence[Rejected], rules: Sequence[RepairRule], newest: datetime) -> int:
    """Try rules, last changed at `newest`, on refusals; note what became of each and return how many were repaired."""
    tried: list[int] = []
    by_first: defaultdict[int, list[int]] = defaultdict(list)
    shares: Counter[int] = Counter()
    for row in rows:
        done = attempt(row, rules)
        if done.repaired:
            by_first[done.rules[0].pk].append(row.pk)
            shares.update(rule.pk for rule in done.rules)
        elif not isinstance(done.problem, AlreadyReplayed):  # by somebody else, a moment ago
            tried.append(row.pk)
    Rejected.objects.filter(pk__in=tried).update(tried_at=newest)
    for rule_id, ids in by_first.items():
        Rejected.objects.filter(pk__in=ids).update(tried_at=newest, repaired_by=rule_id)
    for rule_id, number in sorted(shares.items()):
        RepairRule.objects.filter(pk=rule_id).update(repaired=F("repaired") + number)
    return sum(len(ids) for ids in by_first.values())


def _note(rule: RepairRule, action: int, changes: dict[str, list[str]], user: User | None) -> None:
    LogEntry.objects.log_create(
        rule,
        force_log=True,
        action=action,
        changes=changes,
        additional_data={"organization": rule.project.organization_id},
        actor=user,
    )
