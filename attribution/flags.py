"""The flags over sources and publishers that decisions are made under."""

from collections import defaultdict
from collections.abc import Iterable

from attribution.fraud.rules import Raised
from attribution.models import FraudFlag


def live(project_ids: Iterable[int]) -> dict[int, dict[tuple[str, str], list[Raised]]]:
    """Return the flags of projects that nobody has dismissed, by project and by (source, publisher)."""
    found: dict[int, dict[tuple[str, str], list[Raised]]] = defaultdict(lambda: defaultdict(list))
    for flag in FraudFlag.objects.filter(project__in=project_ids, dismissed_at=None).order_by("id"):
        value, threshold = (flag.evidence.get(name) or 0.0 for name in ("value", "threshold"))
        raised = Raised(flag.code, flag.since, flag.until, float(value), float(threshold))
        found[flag.project_id][flag.source, flag.publisher].append(raised)
    return found
