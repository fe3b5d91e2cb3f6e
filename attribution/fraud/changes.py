"""What people change: a rule's action and threshold, a flag they know better than, an address for a partner."""

import hashlib
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db.models import Q

from attribution import rule_sets
from attribution.fraud import hourly
from attribution.fraud import rules as fraud
from attribution.fraud.catalogue import BLOCK, BY_CODE, FLAG, OFF, Rule
from attribution.fraud.evidence import written
from attribution.models import EvidenceShare, FraudFlag, RuleSet
from attribution.rules import Rules
from customers.models import Project
from growthplatform.core.errors import InvalidField

SHARED_FOR = timedelta(days=30)
DOES = {OFF: "off", FLAG: "flag", BLOCK: "block"}
MOST = 1e9


def set_rule(
    project: Project,
    code: str,
    *,
    action: str,
    threshold: float | None,
    user: User | None,
    source: str = "",
    base: int | None = None,
) -> RuleSet:
    """Publish a next rule set in which one fraud rule does something else; without any change the newest stays.

    With `source` it differs for the clicks of that source only, and goes back to the project's where it is set to the
    same. Raises InvalidField, and RulesOvertaken when there is a newer version than `base`.
    """
    rule = BY_CODE[code]
    if rule.fixed:
        raise InvalidField.named("action", "This rule always blocks: machines are never credited.")
    if action not in DOES:
        raise InvalidField.named("action", "Choose off, flag or block.")
    if source and rule.level not in {"touch", "source"}:
        raise InvalidField.named("source", "This rule is not about clicks, so it is the same for all sources.")
    rules = rule_sets.current([project.pk])[project.pk].rules
    threshold = _threshold(rule, threshold, fraud.setting(hourly.rules_for(rules, source), code)[1])
    changed = (
        _for_source(rules, source, rule, action, threshold) if source else _for_all(rules, rule, action, threshold)
    )
    note = f"{rule.name}{f' of {source}' if source else ''}: {DOES[action]}"
    if rule.unit:
        note += f", {'below' if rule.below else 'above'} {written(threshold, rule.unit)}"
    return rule_sets.publish(project, changed, note, user, base=base)


def _threshold(rule: Rule, asked: float | None, present: float) -> float:
    """Return the threshold to set. Raises InvalidField."""
    threshold = present if asked is None or not rule.unit else asked
    most = 1 if rule.unit == "share" else MOST
    if not 0 <= threshold <= most:
        raise InvalidField.named(
            "threshold", "Give a share from 0 to 100%." if most == 1 else "Give a number, 0 or more."
        )
    return threshold


def _for_all(rules: Rules, rule: Rule, action: str, threshold: float) -> Rules:
    own = {**rules.fraud, rule.code: {"action": action, "threshold": threshold}}
    if (action, threshold) == (rule.action, rule.threshold):
        own.pop(rule.code)
    return replace(rules, fraud=own)


def _for_source(rules: Rules, source: str, rule: Rule, action: str, threshold: float) -> Rules:
    part = dict(rules.sources.get(source, {}))
    own = {**part.get("fraud", {}), rule.code: {"action": action, "threshold": threshold}}
    if (action, threshold) == fraud.setting(rules, rule.code):
        own.pop(rule.code)
    part["fraud"] = own
    parts = {**rules.sources, source: {name: value for name, value in part.items() if value}}
    return replace(rules, sources={name: value for name, value in parts.items() if value})


def dismiss(flag: FraudFlag, *, user: User, now: datetime) -> int:
    """Let a flag speak against nobody any more and have its installs decided again; return how many. Safe to repeat."""
    if FraudFlag.objects.filter(pk=flag.pk, dismissed_at=None).update(dismissed_at=now, dismissed_by=user):
        return hourly.reopen(flag)
    return 0


def restore(flag: FraudFlag) -> int:
    """Take a dismissal back and have its installs decided again; return how many. Safe to repeat."""
    dismissed = FraudFlag.objects.filter(pk=flag.pk, dismissed_at__isnull=False)
    if dismissed.update(dismissed_at=None, dismissed_by=None):
        return hourly.reopen(flag)
    return 0


def share(
    project: Project, source: str, *, since: datetime, until: datetime, user: User, now: datetime
) -> tuple[EvidenceShare, str]:
    """Make an address under which a partner sees what struck its own clicks; return it with its token, shown once.

    Raises InvalidField for a source without any touch.
    """
    source = source.strip().replace("\x00", "")
    if not source or not project.touches.filter(source=source).exists():
        raise InvalidField.named("source", "Choose a source that has sent clicks or views.")
    if since >= until:
        raise InvalidField.named("from", "The period has to begin before it ends.")
    token = secrets.token_urlsafe(24)
    made = EvidenceShare.objects.create(
        project=project,
        source=source,
        since=since,
        until=until,
        token_hash=_hash(token),
        created_by=user,
        created_at=now,
        expires_at=now + SHARED_FOR,
    )
    return made, token


def find_share(token: str, *, now: datetime) -> EvidenceShare | None:
    """Return what a token opens, None when it opens nothing any more."""
    return (
        EvidenceShare.objects.select_related("project__organization")
        .filter(token_hash=_hash(token), revoked_at=None, expires_at__gt=now)
        .first()
    )


def live_shares(project: Project, *, now: datetime) -> list[EvidenceShare]:
    """Return the addresses that partners can open now, the newest first."""
    open_ = Q(revoked_at=None, expires_at__gt=now)
    return list(EvidenceShare.objects.filter(open_, project=project).order_by("-pk"))


def revoke(made: EvidenceShare, *, now: datetime) -> None:
    """Close an address for good. Safe to repeat."""
    EvidenceShare.objects.filter(pk=made.pk, revoked_at=None).update(revoked_at=now)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
