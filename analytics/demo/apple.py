"""What Apple tells of the demo's app: postbacks of its iOS campaigns, and what their values mean.

Apple has signed none of them: they are marked as made up, and the check on their own page says so.
"""

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from django.contrib.auth.models import User

from attribution.models import AppleApp, ApplePostback, ConversionSchema, Decision
from attribution.skan.examples import KEY
from customers.models import Project

APP_ID = 6446123456
NETWORKS = {
    "tiktok": "22mmun2rn5.skadnetwork",
    "meta": "v9wttpbfk9.skadnetwork",
    "google": "cstr6suwn9.skadnetwork",
}
# Networks that nobody has a link of: only Apple tells of them.
UNLINKED = ("ludvb6z3bs.skadnetwork", "4dzt52r2t5.skadnetwork")
SHOWN_IN = (1235601864, 389801252, 284882215, 544007664, 835599320)
COUNTRIES = ("DE", "DE", "DE", "AT", "CH", "NL", "FR", "GB")
EVENTS = [
    ("Opened", "", None),
    ("Made an account", "Signed Up", "0.40"),
    ("First note", "Note Created", "0.90"),
    ("Trial", "Trial Started", "3.20"),
    ("Subscribed", "Subscription Started", "24.00"),
]
UNSIGNED = b"Made up; Apple signed nothing."
STEPS = (0, 8, 16, 32, 48, 64)


def make(project: Project, owner: User | None, *, now: datetime, seed: int = 11) -> int:
    """Name the app, say what its values mean, and store the postbacks; return how many. Safe to repeat."""
    if project.apple_apps.exists():
        return 0
    rng = Random(seed)  # noqa: S311 -- nothing secret
    app = AppleApp.objects.create(project=project, app_id=APP_ID, name="Nimbus Notes", created_at=project.created_at)
    for days, events in ((60, EVENTS[:4]), (25, EVENTS)):
        ConversionSchema.objects.create(
            project=project, app=app, valid_from=(now - timedelta(days=days)).date(), currency=project.currency,
            fine=_fine(events), coarse=_coarse(), created_by=owner,
        )  # fmt: skip
    found: list[ApplePostback] = []
    rows = Decision.objects.filter(project=project, kind="install", rejected=False, os_name="ios", touch__isnull=False)
    for installed_at, source, campaign in rows.order_by("pk").values_list("installed_at", "source", "campaign"):
        network = NETWORKS.get(source) or (rng.choice(UNLINKED) if rng.random() < 0.15 else "")
        if network and rng.random() < 0.92:
            found += _of_install(rng, project, (network, campaign), installed_at, now)
    found += _odd(rng, project, found)
    ApplePostback.objects.bulk_create(found, batch_size=500)
    return len(found)


def _of_install(
    rng: Random, project: Project, ad: tuple[str, str], installed_at: datetime, now: datetime
) -> list[ApplePostback]:
    """Return what one install's phone sends: the first postback, and for some the later ones."""
    network, campaign = ad
    identity = f"{rng.getrandbits(128):032x}"
    # A campaign keeps its number; from few people Apple tells only its beginning.
    number = f"{int(hashlib.sha256(campaign.encode()).hexdigest(), 16) % 9_000 + 1_000}"
    tier = rng.choices((4, 2), (0.8, 0.2))[0]
    facts: dict[str, Any] = {
        "network_id": network,
        "source_identifier": number[:tier],
        "source_app_id": rng.choice(SHOWN_IN),
        "conversion_type": "redownload" if rng.random() < 0.08 else "download",
        "fidelity_type": 1 if rng.random() < 0.8 else 0,
    }
    kit = rng.random() < 0.35
    if kit:
        facts |= {"country": rng.choice(COUNTRIES), "interaction": "click" if facts["fidelity_type"] else "view"}
    step = rng.choices(range(5), (30, 26, 24, 12, 8))[0]
    value = rng.randrange(STEPS[step], STEPS[step + 1]) if tier == 4 and rng.random() < 0.9 else None
    coarse = "" if value is not None else ("low", "low", "medium", "medium", "high")[step]
    sent = [(0, timedelta(hours=rng.uniform(30, 110)), value, coarse if rng.random() < 0.75 else "")]
    if tier == 4 and rng.random() < 0.6:
        sent.append((1, timedelta(days=7, hours=rng.uniform(24, 144)), None, rng.choice(("low", "medium", "high"))))
    if tier == 4 and rng.random() < 0.35:
        sent.append((2, timedelta(days=35, hours=rng.uniform(24, 144)), None, rng.choice(("low", "medium", "high"))))
    return [
        _postback(project, identity, installed_at + after, {**facts, "sequence": sequence, "conversion_value": fine,
                                                            "coarse_value": level}, kit=kit)
        for sequence, after, fine, level in sent
        if installed_at + after < now
    ]  # fmt: skip


def _postback(
    project: Project, identity: str, at: datetime, facts: dict[str, Any], *, kit: bool = False, **changes: Any
) -> ApplePostback:
    fields = {
        "kind": "aak" if kit else "skan", "state": "valid", "key": KEY, "version": "" if kit else "4.0",
        "app_id": APP_ID, "transaction_id": identity, "did_win": True, "counted": True, **facts, **changes,
    }  # fmt: skip
    raw = _raw_kit(fields) if kit else _raw(fields)
    name = f"{project.pk} {identity} {fields.get('sequence')} {fields.get('origin')}"
    digest = hashlib.sha256(name.encode()).hexdigest()
    at = at.astimezone(UTC)
    return ApplePostback(project=project, digest=digest, raw=raw, received_at=at, last_at=at, **fields)


def _raw(facts: dict[str, Any]) -> str:
    """Return what a phone would have sent, with a signature that is none."""
    sent = {
        "version": facts["version"], "ad-network-id": facts["network_id"],
        "source-identifier": facts["source_identifier"], "app-id": APP_ID, "transaction-id": facts["transaction_id"],
        "redownload": facts["conversion_type"] == "redownload", "source-app-id": facts["source_app_id"],
        "fidelity-type": facts.get("fidelity_type", 1), "did-win": True, **_values(facts),
        "postback-sequence-index": facts.get("sequence", 0),
        "attribution-signature": base64.b64encode(UNSIGNED).decode(),
    }  # fmt: skip
    return json.dumps(sent)


def _raw_kit(facts: dict[str, Any]) -> str:
    payload = {
        "postback-identifier": facts["transaction_id"], "ad-network-identifier": facts["network_id"],
        "source-identifier": facts["source_identifier"], "advertised-item-identifier": APP_ID,
        "publisher-item-identifier": facts["source_app_id"], "impression-type": "app-impression",
        "conversion-type": facts["conversion_type"], "did-win": True,
        "postback-sequence-index": facts.get("sequence", 0),
    }  # fmt: skip
    header = {"kid": "apple-cas-identifier/0", "alg": "ES256"}
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), UNSIGNED.ljust(64))
    jws = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    outside = {"ad-interaction-type": facts.get("interaction"), "country-code": facts.get("country")}
    return json.dumps({"jws-string": jws, **_values(facts), **{name: one for name, one in outside.items() if one}})


def _values(facts: dict[str, Any]) -> dict[str, Any]:
    given = {"conversion-value": facts.get("conversion_value"), "coarse-conversion-value": facts.get("coarse_value")}
    return {name: value for name, value in given.items() if value not in {None, ""}}


def _odd(rng: Random, project: Project, found: list[ApplePostback]) -> list[ApplePostback]:
    """Return what else happens: a few forged ones, and copies of a network that say more than the phone did."""
    some = rng.sample(found, min(9, len(found)))
    odd = []
    for place, one in enumerate(some):
        facts = {"network_id": one.network_id, "source_identifier": one.source_identifier, "sequence": one.sequence,
                 "conversion_type": one.conversion_type, "source_app_id": one.source_app_id}  # fmt: skip
        at = one.received_at + timedelta(minutes=7)
        if place < 5:
            odd.append(_postback(project, f"{rng.getrandbits(128):032x}", at, {**facts, "conversion_value": 63},
                                 state="invalid", problem="signature_wrong", counted=False))  # fmt: skip
        else:
            kit, values = one.kind == "aak", {**facts, "conversion_value": 63}
            odd.append(_postback(project, one.transaction_id, at, values, kit=kit, origin="network", counted=False,
                                 conflict=True))  # fmt: skip
    return odd


def _fine(events: list[tuple[str, str, str | None]]) -> list[dict[str, Any]]:
    return [
        {"value": value, "label": label, "event": event, "revenue": revenue}
        for step, (label, event, revenue) in enumerate(events)
        for value in range(STEPS[step], STEPS[step + 1])
    ]


def _coarse() -> list[dict[str, Any]]:
    words = {
        "low": ("Still there", "", None),
        "medium": ("Active", "Note Created", "1.10"),
        "high": ("Paying", "Order", "14.0"),
    }
    return [
        {"sequence": sequence, "value": value, "label": label, "event": event, "revenue": revenue}
        for sequence in range(3)
        for value, (label, event, revenue) in words.items()
    ]
