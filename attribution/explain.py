"""Decisions as the API shows them, and the answer to "why this one"."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db.models import QuerySet

from attribution import reasons, verdict
from attribution.models import Candidate, Decision
from attribution.rules import Rules
from attribution.verdict import Story, Touched


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
        "adSet": decision.ad_set or None,
        "ad": decision.ad or None,
        "creative": decision.creative or None,
        "publisher": decision.publisher or None,
        "country": decision.country or None,
        "os": decision.os_name or None,
        "originalId": f"dec_{decision.original_id}" if decision.original_id else None,
        "rejected": decision.rejected,
        **fraud_of(decision.fraud),
        "notes": decision.notes,
        "ruleSet": decision.rule_set.version,
    }


def fraud_of(struck: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the codes of the fraud rules that were struck, and what each measured, with its sentence."""
    return {
        "fraud": [one["code"] for one in struck],
        "fraudEvidence": [{**one, "explanation": reasons.sentence(one["code"])} for one in struck],
    }


def explained(decision: Decision, candidates: Sequence[Candidate], person_ids: Mapping[str, int]) -> dict[str, Any]:
    """Return a decision with its rules and every touch it weighed: what the API answers and the page shows."""
    return {
        **shape(decision, person_ids),
        "summary": summary(decision, candidates),
        "notesExplanation": [reasons.sentence(code) for code in decision.notes],
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
        "adSet": touch.ad_set or None,
        "publisher": touch.publisher or None,
        "tier": candidate.tier,
        "eligible": candidate.eligible,
        "credited": candidate.credited,
        "reasons": candidate.reasons,
        "explanation": [reasons.sentence(code) for code in candidate.reasons],
        "age_s": candidate.age_s,
        "probability": candidate.probability,
        **fraud_of(candidate.fraud),
    }


def tell(decision: Decision, candidates: Sequence[Candidate]) -> Story:
    """Tell a decision in words, the same on its page and in the API."""
    rules = Rules.from_json(decision.rule_set.rules)
    return verdict.tell(
        decision.tier,
        [touched(one, rules) for one in candidates],
        considered=decision.considered,
        widest_s=rules.widest_window_s,
        kind=decision.kind,
    )


def touched(candidate: Candidate, rules: Rules) -> Touched:
    """Return what the words need to know of a candidate; its window is the one that held for this touch."""
    touch = candidate.touch
    return Touched(
        touch.source,
        touch.campaign,
        touch.type,
        candidate.tier,
        candidate.eligible,
        candidate.credited,
        tuple(candidate.reasons),
        candidate.age_s,
        candidate.probability,
        rules.for_touch(touch).windows_s.get(candidate.tier, 0),
        tuple(one["code"] for one in candidate.fraud if one["action"] == "block"),
    )


def summary(decision: Decision, candidates: Sequence[Candidate]) -> str:
    """Say in a few sentences what was decided and why."""
    story = tell(decision, candidates)
    return f"{story.text} {story.rest}"
