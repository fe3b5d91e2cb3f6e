"""Decisions as the API shows them, and the answer to "why this one"."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from attribution import matching, reasons
from attribution.models import Candidate, Decision
from growthplatform.core import formats

TIERS = {
    matching.CLICK_ID: "the same click id",
    matching.INSTALL_REFERRER: "the click id in Google Play's install referrer",
    matching.DEVICE_ID: "the same device",
    matching.PROBABILISTIC: "the same network and kind of device",
    matching.VIEW: "a view on the same device",
}


def shape(decision: Decision, person_ids: Mapping[str, int]) -> dict[str, Any]:
    """Return a decision as the API lists it; it needs its install, touch and rule set."""
    person = person_ids.get(decision.install.distinct_id)
    return {
        "id": f"dec_{decision.pk}",
        "kind": decision.kind,
        "messageId": decision.install.message_id,
        "personId": f"p_{person}" if person else None,
        "installedAt": decision.installed_at,
        "decidedAt": decision.decided_at,
        "state": decision.state,
        "revision": decision.revision,
        "tier": decision.tier,
        "probability": decision.probability,
        "touchId": decision.touch.touch_id if decision.touch else None,
        "source": decision.source,
        "campaign": decision.campaign or None,
        "ruleSet": decision.rule_set.version,
    }


def explained(decision: Decision, candidates: Sequence[Candidate], person_ids: Mapping[str, int]) -> dict[str, Any]:
    """Return a decision with its rules and every touch it weighed: what the API answers and the page shows."""
    return {
        **shape(decision, person_ids),
        "summary": summary(decision, candidates),
        "considered": decision.considered,
        "rules": decision.rule_set.rules,
        "candidates": [shape_candidate(one) for one in candidates],
    }


def candidates_of(decision: Decision) -> QuerySet[Candidate]:
    """Return what a decision weighed: the winner, then those that could have won, the latest first."""
    rows = Candidate.objects.filter(decision=decision).select_related("touch")
    return rows.order_by("-credited", "-eligible", "age_s", "-touch")


def shape_candidate(candidate: Candidate) -> dict[str, Any]:
    """Return a candidate with its reasons, as codes and as sentences."""
    touch = candidate.touch
    return {
        "touchId": touch.touch_id,
        "type": touch.type,
        "timestamp": touch.ts,
        "source": touch.source,
        "campaign": touch.campaign or None,
        "tier": candidate.tier,
        "eligible": candidate.eligible,
        "credited": candidate.credited,
        "reasons": candidate.reasons,
        "explanation": [reasons.sentence(code) for code in candidate.reasons],
        "age_s": candidate.age_s,
        "probability": candidate.probability,
        "fraud": candidate.fraud,
        "fraudExplanation": [reasons.sentence(code) for code in candidate.fraud],
    }


def summary(decision: Decision, candidates: Iterable[Candidate]) -> str:
    """Say in a sentence or two what was decided and why."""
    weighed = list(candidates)
    winner = next((one for one in weighed if one.credited), None)
    if winner is None:
        others = _others(len(weighed), "was", "were")
        return f"Organic: no touch could have brought this install.{others and f' {others} weighed and ruled out.'}"
    kind = "clicked" if winner.touch.type == matching.CLICK else "seen"
    name = " / ".join(filter(None, [decision.campaign, decision.source]))
    others = _others(len(weighed) - 1, "", "").strip()
    return (
        f"Credited to {name}: {kind} {formats.span(winner.age_s)} before the install,"
        f" with {TIERS.get(decision.tier, decision.tier)}.{others and f' {others} lost.'}"
    )


def _others(number: int, one: str, many: str) -> str:
    if number == 0:
        return ""
    return f"One other touch {one}".rstrip() if number == 1 else f"{number} other touches {many}".rstrip()
