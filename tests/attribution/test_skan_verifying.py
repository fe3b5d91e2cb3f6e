"""Signatures of Apple's postbacks: the public ones, tampered ones, and whatever else may come."""

import base64
import json
from typing import Any

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attribution.skan import judging, jws, verifying
from attribution.skan.verifying import INVALID, UNVERIFIABLE, VALID
from tests.attribution.skan_rows import aak, ours, public, sealed, skan


def judged(fields: Any) -> judging.Judged:
    return judging.judge(json.dumps(fields))


def test_six_of_apples_seven_are_valid_in_the_plain_order() -> None:
    found = [judged(row["postback"]) for row in public("skadnetwork")]

    assert [one.verdict.left_out == "" and one.state == VALID for one in found].count(True) == 6


def test_the_one_of_a_real_phone_is_valid_without_the_app_that_is_none_and_is_a_test() -> None:
    [real] = [row["postback"] for row in public("skadnetwork") if not row["valid"]]

    found = judged(real)

    assert (found.state, found.verdict.left_out, found.test) == (VALID, "source-app-id", True)
    assert "source-app-id" not in dict(found.verdict.parts)
    assert dict(found.unsigned) == {"conversion-value": 0, "did-win": False, "source-app-id": 0}


def test_all_eighteen_tampered_ones_are_refused() -> None:
    found = [judged(row["postback"]) for row in public("skadnetwork_tampered")]

    assert len(found) == 18
    assert {(one.state, one.verdict.problem) for one in found} == {(INVALID, "signature_wrong")}


def test_a_changed_conversion_value_does_not_show_and_is_said_not_to_be_signed() -> None:
    for row in public("skadnetwork"):
        changed = judged({**row["postback"], "conversion-value": 7})

        assert changed.state == VALID
        assert dict(changed.unsigned)["conversion-value"] == 7
        assert "conversion-value" not in dict(changed.verdict.parts)


def test_of_adattributionkits_samples_the_new_one_is_valid_and_the_old_one_refused() -> None:
    old, new = (judged(row["request_body"]) for row in public("adattributionkit"))

    assert (old.state, old.verdict.problem, old.verdict.key) == (INVALID, "signature_wrong", jws.PRODUCTION)
    assert (new.state, new.verdict.key, new.test) == (VALID, "apple-development-identifier/1", True)
    assert (new.facts.app_id, new.facts.country, new.facts.conversion_value) == (10738027756, "US", 24)
    assert judging.for_app(new, sandbox=False).verdict.problem == "development_key"
    assert judging.for_app(new, sandbox=True).state == VALID


def test_a_bare_jws_is_read_as_well() -> None:
    _, new = public("adattributionkit")

    assert judging.judge(f" {new['request_body'][jws.JWS]}\n").state == VALID


@pytest.mark.parametrize("version", verifying.ORDERS)
def test_each_version_is_proved_and_every_signed_field_counts(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    ours(monkeypatch)
    monkeypatch.setattr(verifying, "OLD_KEY", ())
    body = skan(version=version, campaign_id=42)

    assert judged(body).state == VALID
    for name in verifying.ORDERS[version]:
        if name not in {"version", "source-domain"}:
            changed = body[name]
            changed = (
                not changed if isinstance(changed, bool) else 3 if isinstance(changed, int) else f"{changed}1"[-4:]
            )
            assert judged({**body, name: changed}).state == INVALID, name
        assert judged({**body, name: None}).state != VALID or name == "source-domain", name


def test_apples_old_key_is_asked_where_the_library_knows_it_and_said_to_be_missing_where_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = skan(version="2.0", campaign_id=42)

    assert judged(old).verdict.key == verifying.P192
    assert judged(old).state in {INVALID, UNVERIFIABLE}
    monkeypatch.setattr(verifying, "public_key", lambda text: None)
    assert (judged(old).state, judged(old).verdict.problem) == (UNVERIFIABLE, "key_unavailable")


def test_a_signature_of_the_old_key_is_proved_where_the_curve_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        old = ec.generate_private_key(ec.SECP192R1())
    except UnsupportedAlgorithm:
        pytest.skip("this library does not know P-192")
    ours(monkeypatch, old, verifying.P192)
    body = skan(version="2.0", campaign_id=42)
    joined = verifying.verify(body).joined
    body[verifying.SIGNATURE] = base64.b64encode(old.sign(joined.encode(), ec.ECDSA(hashes.SHA256()))).decode()

    assert judged(body).state == VALID
    assert judged({**body, "app-id": 7}).state == INVALID


def test_a_version_to_come_is_not_called_forged() -> None:
    assert (judged(skan(version="5.0")).state, judged(skan(version="5.0")).verdict.problem) == (
        UNVERIFIABLE, "unknown_version",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"app-id": None}, "missing_field"),
        ({"app-id": 1.5}, "wrong_field"),
        ({"app-id": "525463029\u20635"}, "wrong_field"),
        ({"ad-network-id": "com.example\u206342"}, "wrong_field"),
        ({"redownload": "maybe"}, "wrong_field"),
        ({"source-domain": "example.com"}, "two_sources"),
        ({verifying.SIGNATURE: None}, "missing_field"),
        ({verifying.SIGNATURE: "%%%"}, "signature_malformed"),
        ({verifying.SIGNATURE: "AAAA"}, "signature_wrong"),
        ({verifying.SIGNATURE: 5}, "signature_malformed"),
    ],
)
def test_what_apple_never_sends_is_named(change: dict[str, Any], problem: str) -> None:
    found = judged({**skan(), **change})

    assert (found.state, found.verdict.problem) == (INVALID, problem)
    assert found.says.startswith(f"{found.verdict.field}: ")


def test_a_separator_inside_a_field_cannot_make_two_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    ours(monkeypatch)
    body = skan(version="3.0", campaign_id=42)
    moved = {**body, "ad-network-id": f"{body['ad-network-id']}\u206342"}
    del moved["campaign-id"]

    assert judged(moved).state == INVALID


@pytest.mark.parametrize(
    ("header", "problem"),
    [
        ({"alg": "none", "kid": jws.PRODUCTION}, "wrong_algorithm"),
        ({"alg": "HS256", "kid": jws.PRODUCTION}, "wrong_algorithm"),
        ({"alg": "ES256", "kid": "mine/0"}, "unknown_key"),
        ({"alg": "ES256", "kid": ["x"]}, "unknown_key"),
        ({"alg": "ES256"}, "unknown_key"),
        ({"alg": "ES256", "kid": jws.PRODUCTION, "crit": ["b64"]}, "wrong_algorithm"),
        ({"alg": "ES256", "kid": jws.PRODUCTION}, "missing_field"),
    ],
)
def test_the_header_cannot_choose_the_key_or_the_algorithm(
    monkeypatch: pytest.MonkeyPatch, header: dict[str, Any], problem: str
) -> None:
    ours(monkeypatch)

    assert jws.verify(sealed(header, {"x": 1})).verdict.problem == problem


def test_a_changed_payload_or_a_short_signature_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    ours(monkeypatch)
    good = aak()[jws.JWS]
    head, _, signature = good.split(".")
    other = aak(advertised_item_identifier=7)[jws.JWS].split(".")[1]

    assert jws.verify(good).verdict.state == VALID
    assert jws.verify(f"{head}.{other}.{signature}").verdict.problem == "signature_wrong"
    assert jws.verify(good[:-4]).verdict.problem == "signature_malformed"
    assert jws.verify(f"{good}=").verdict.problem == "not_jws"
    assert jws.verify(None).verdict.problem == "not_jws"


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
ANYTHING = PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(st.text(max_size=4), PLAIN, max_size=2)
NAMES = sorted({*verifying.TEXTS, verifying.SIGNATURE, jws.JWS, "conversion-value", "coarse-conversion-value"})


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.dictionaries(st.sampled_from(NAMES), ANYTHING, max_size=12), st.sampled_from([*verifying.ORDERS, "9.9", None])
)
def test_nothing_makes_the_judge_stumble_and_nothing_made_up_is_valid(fields: dict[str, Any], version: Any) -> None:
    found = judged({**fields, "version": version})

    assert found.state in {INVALID, UNVERIFIABLE}
    assert found.verdict.problem in judging.PROBLEMS


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_make_the_judge_stumble(raw: bytes) -> None:
    assert judging.judge(raw).state == INVALID
