"""A postback of either kind read: what it says, which of it Apple signed, and whether the signature holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from attribution.skan import jws, verifying
from attribution.skan.verifying import INVALID, VALID, Verdict

SKAN, AAK = "skan", "aak"
COARSE = ("low", "medium", "high")
# What a person is told of each problem; the name of the field stands before it where one is to blame.
PROBLEMS = {
    "not_json": "It is not JSON.",
    "not_object": "It is no JSON object.",
    "too_large": "It is larger than 64 KB.",
    "unknown_version": "No order of fields is known for this version, so nothing can be said about the signature.",
    "missing_field": "A field that Apple always sends is missing.",
    "wrong_field": "A field holds something that Apple never sends there.",
    "two_sources": "It names both a source app and a source domain; Apple sends one of them.",
    "signature_malformed": "The signature is not written as one.",
    "signature_wrong": "The signature does not fit: at least one signed field is not as Apple sent it.",
    "key_unavailable": "The cryptographic library of this installation does not know the curve of Apple’s old key.",
    "not_jws": "It is no compact JWS.",
    "wrong_algorithm": "Only ES256 is Apple’s algorithm.",
    "unknown_key": "The header names a key that is not one of Apple’s.",
    "development_key": "It is signed with a key for development, and the app does not take test postbacks.",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a postback says. What could not be what Apple sends there is left out."""

    version: str = ""
    app_id: int | None = None
    network_id: str = ""
    transaction_id: str = ""
    sequence: int = 0
    campaign_id: int | None = None
    source_identifier: str = ""
    source_app_id: int | None = None
    source_domain: str = ""
    fidelity_type: int | None = None
    conversion_type: str = ""
    did_win: bool | None = None
    conversion_value: int | None = None
    coarse_value: str = ""
    interaction: str = ""
    country: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A postback read. `signed` and `unsigned` are its fields as they came, in the order of the signature first."""

    kind: str
    verdict: Verdict
    facts: Facts = field(default_factory=Facts)
    signed: tuple[tuple[str, Any], ...] = ()
    unsigned: tuple[tuple[str, Any], ...] = ()

    @property
    def state(self) -> str:
        return self.verdict.state

    @property
    def test(self) -> bool:
        """Signed with a development key, or a test by its values: no ad is shown by an app with the number 0."""
        return self.verdict.key.startswith(jws.DEVELOPMENT) or self.facts.source_app_id == 0

    @property
    def says(self) -> str:
        """Why it is not valid, for people; "" when it is."""
        words = PROBLEMS.get(self.verdict.problem, "")
        return f"{self.verdict.field}: {words}" if words and self.verdict.field else words


def judge(raw: bytes | str, kind: str = "") -> Judged:
    """Read a postback and say what its signature proves. Never raises.

    `kind` is what it was sent as; left out, what it holds says it: a JWS, bare or in its envelope, is
    AdAttributionKit's.
    """
    text = raw.strip()
    if isinstance(text, str) and text.count(".") == 2 and text[:1] not in {"{", "["}:
        return of_aak({jws.JWS: text})
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return Judged(kind or SKAN, Verdict(INVALID, "not_json"))
    if not isinstance(found, dict):
        return Judged(kind or SKAN, Verdict(INVALID, "not_object"))
    # What it holds goes before where it was sent: a copy that a network forwards may come to the wrong address.
    return of_aak(found) if jws.JWS in found or (kind == AAK and verifying.SIGNATURE not in found) else of_skan(found)


def for_app(judged: Judged, *, sandbox: bool) -> Judged:
    """Refuse what is signed with a development key unless the app takes test postbacks."""
    if judged.state != VALID or sandbox or not judged.verdict.key.startswith(jws.DEVELOPMENT):
        return judged
    verdict = replace(judged.verdict, state=INVALID, problem="development_key", field="kid")
    return replace(judged, verdict=verdict)


def of_skan(fields: Mapping[str, Any]) -> Judged:
    """Judge a postback of SKAdNetwork."""
    verdict = verifying.verify(fields)
    names = [name for name, _ in verdict.parts]
    redownload = _switch(fields.get("redownload"))
    facts = Facts(
        version=verifying.version_of(fields),
        app_id=_whole(fields.get("app-id")),
        network_id=_text(fields.get("ad-network-id"), 120).lower(),
        transaction_id=_text(fields.get("transaction-id"), 100),
        sequence=_sequence(fields.get("postback-sequence-index")),
        campaign_id=_whole(fields.get("campaign-id"), 9_999),
        source_identifier=_text(verifying.TEXTS["source-identifier"](fields.get("source-identifier")), 10),
        source_app_id=_whole(fields.get("source-app-id")),
        source_domain=_text(fields.get("source-domain"), 253),
        fidelity_type=_whole(fields.get("fidelity-type"), 9),
        conversion_type="" if redownload is None else "redownload" if redownload else "download",
        did_win=_switch(fields.get("did-win")),
        **_values(fields),
    )
    return Judged(
        SKAN,
        verdict,
        facts,
        tuple((name, fields[name]) for name in names),
        tuple((name, value) for name, value in fields.items() if name not in {*names, verifying.SIGNATURE}),
    )


def of_aak(fields: Mapping[str, Any]) -> Judged:
    """Judge a postback of AdAttributionKit: the envelope with its JWS."""
    opened = jws.verify(fields.get(jws.JWS))
    payload = opened.payload
    facts = Facts(
        app_id=_whole(payload.get("advertised-item-identifier")),
        network_id=_text(payload.get("ad-network-identifier"), 120).lower(),
        transaction_id=_text(payload.get("postback-identifier"), 100),
        sequence=_sequence(payload.get("postback-sequence-index")),
        source_identifier=_text(verifying.TEXTS["source-identifier"](payload.get("source-identifier")), 10),
        source_app_id=_whole(payload.get("publisher-item-identifier")),
        conversion_type=_text(payload.get("conversion-type"), 20),
        did_win=_switch(payload.get("did-win")),
        interaction=_text(fields.get("ad-interaction-type"), 10),
        country=_country(fields.get("country-code")),
        **_values(fields),
    )
    outside = tuple((name, value) for name, value in fields.items() if name != jws.JWS)
    return Judged(AAK, opened.verdict, facts, tuple(payload.items()), outside)


def unsigned_of(facts: Facts) -> tuple[Any, ...]:
    """Return what Apple does not sign of a postback, to compare two copies of it."""
    # Devices send did-win from version 2.2 on, but sign it only from 3.0 on.
    won = facts.did_win if facts.version in {"1.0", "2.0", "2.1", "2.2"} else None
    return (facts.conversion_value, facts.coarse_value, facts.interaction, facts.country, won)


def contradicts(copy: Facts, other: Facts) -> bool:
    """Say whether a copy of a postback has an unsigned value that the other does not have; leaving one out is none."""
    return any(
        mine not in (None, "") and mine != theirs
        for mine, theirs in zip(unsigned_of(copy), unsigned_of(other), strict=True)
    )


def _values(fields: Mapping[str, Any]) -> dict[str, Any]:
    coarse = fields.get("coarse-conversion-value")
    return {
        "conversion_value": _whole(fields.get("conversion-value"), 63),
        "coarse_value": coarse if coarse in COARSE else "",
    }


def _text(value: Any, most: int) -> str:
    return value if isinstance(value, str) and len(value) <= most and value.isprintable() else ""


def _whole(value: Any, most: int = verifying.MOST_ID) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
    return value if whole else None


def _sequence(value: Any) -> int:
    return _whole(value, 9) or 0


def _switch(value: Any) -> bool | None:
    return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value))


def _country(value: Any) -> str:
    text = _text(value, 2).upper()
    return text if len(text) == 2 and text.isascii() and text.isalpha() else ""
