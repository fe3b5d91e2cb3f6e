"""Rule sets: which rules a project's decisions follow, in numbered versions."""

from collections.abc import Iterable
from typing import NamedTuple

from attribution.models import RuleSet
from attribution.rules import Rules


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
