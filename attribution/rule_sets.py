"""Rule sets: which rules a project's decisions follow, in numbered versions."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson
from auditlog.models import LogEntry
from django.contrib.auth.models import User
from django.db import transaction

from attribution.models import RuleSet
from attribution.rules import Rules
from customers.models import Project
from growthplatform.core.errors import Problem

NOTE = 300


class RulesOvertaken(Problem):
    """Somebody else has published since the rules were read."""

    status = 409
    code = "rules_overtaken"

    def __init__(self, version: int) -> None:
        super().__init__(
            f"Version {version} was published meanwhile. Look at it, then make your change again on top of it.",
            detail={"version": version},
        )


class Version(NamedTuple):
    """The newest rule set of a project."""

    pk: int
    version: int
    rules: Rules


def current(project_ids: Iterable[int]) -> dict[int, Version]:
    """Return the newest rule set of each project, making version 1 with the default rules where there is none."""
    wanted = set(project_ids)
    found = _newest(wanted)
    missing = wanted - found.keys()
    if missing:
        default = Rules().to_json()
        RuleSet.objects.bulk_create(
            [RuleSet(project_id=pk, version=1, rules=default) for pk in missing], ignore_conflicts=True
        )
        found |= _newest(missing)
    return found


def _newest(project_ids: set[int]) -> dict[int, Version]:
    rows = RuleSet.objects.filter(project__in=project_ids).order_by("project", "-version").distinct("project")
    return {row.project_id: Version(row.pk, row.version, Rules.from_json(row.rules)) for row in rows}


def publish(
    project: Project, rules: Rules | Mapping[str, Any], note: str, user: User | None, *, base: int | None = None
) -> RuleSet:
    """Write the next version of a project's rules; installs decided from now on follow it.

    Safe to repeat: rules equal to the newest version's make no new one. `base` is the version that the rules were
    made from; without it the newest is replaced, whatever it is. Raises RulesOvertaken when there is a newer one.
    """
    wanted = rules if isinstance(rules, Rules) else Rules.from_json(rules)
    with transaction.atomic():
        # Two at once would give the same number twice; this lock lets everything else of the project go on.
        Project.objects.select_for_update(no_key=True).get(pk=project.pk)
        newest = current([project.pk])[project.pk]
        if same(newest.rules, wanted):
            return RuleSet.objects.get(pk=newest.pk)
        if base is not None and base != newest.version:
            raise RulesOvertaken(newest.version)
        made = RuleSet.objects.create(
            project=project, version=newest.version + 1, rules=wanted.to_json(), note=note[:NOTE], created_by=user
        )
        LogEntry.objects.log_create(
            made,
            force_log=True,
            action=LogEntry.Action.CREATE,
            changes={"note": ["", made.note]},
            additional_data={"organization": project.organization_id},
            actor=user,
        )
    return made


def same(one: Rules, other: Rules) -> bool:
    """Say whether two rules are the same, also when one comes from JSON, where tuples are lists."""
    return canonical(one) == canonical(other)


def canonical(rules: Rules) -> bytes:
    """Return rules as text that is equal for equal rules."""
    return orjson.dumps(rules.to_json(), option=orjson.OPT_SORT_KEYS)
