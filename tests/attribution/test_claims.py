"""What installs say about who brought them: contacts, Meta's encrypted referrer, Apple's token."""

import hashlib
import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from attribution import claims, contacts, meta

# Meta's own published sample: https://developers.facebook.com/docs/app-ads/install-referrer
KEY = "2575590594a9cd809e5bfacf397f8c1ac730dbc38a3e137ecd1ab66591c8c3c9"
NONCE = "b7203c6a6fb633d16e9cf5c1"
DATA = (
    "afe56cf6228c6ea8c79da49186e718e92a579824596ae1d0d4d20d7793dca797bd4034ccf467bfae5c79a3981e7a2968c419"
    "49237e2b2db678c1c3d39c9ae564c5cafd52f2b77a3dc77bf1bae063114d0283b97417487207735da31ddc1531d5645a9c3e"
    "602c195a0ebf69c272aa5fda3a2d781cb47e117310164715a54c7a5a032740584e2789a7b4e596034c16425139a77e507c49"
    "2b629c848573c714a03a2e7d25b9459b95842332b460f3682d19c35dbc7d53e3a51e0497ff6a6cbb367e760debc4194ae097"
    "498108df7b95eac2fa9bac4320077b510be3b7b823248bfe02ae501d9fe4ba179c7de6733c92bf89d523df9e31238ef497b9"
    "db719484cbab7531dbf6c5ea5a8087f95d59f5e4f89050e0f1dc03e464168ad76a64cca64b79"
)
CONTENT = json.dumps({"app": 123, "t": 1_763_300_000, "source": {"data": DATA, "nonce": NONCE}})
REFERRER = f"utm_source=apps.facebook.com&utm_campaign=fb4a&utm_content={quote(CONTENT)}"


def event(properties: Any = None, **context: Any) -> Any:
    return SimpleNamespace(properties=properties or {}, context=context)


def sealed(said: Any, key: str = KEY) -> meta.Payload:
    text = said if isinstance(said, bytes) else json.dumps(said).encode()
    return meta.Payload(AESGCM(bytes.fromhex(key)).encrypt(bytes.fromhex(NONCE), text, None).hex(), NONCE)


def test_metas_published_sample_decrypts_to_campaign_ad_set_and_ad() -> None:
    payload = meta.payload_in(REFERRER)

    assert payload == meta.Payload(DATA, NONCE, 1_763_300_000, True)
    ad = meta.decrypt(payload, [KEY])
    assert ad is not None
    assert (ad.campaign, ad.campaign_id) == ("Adams Test Campaign Group", "654321")
    assert (ad.ad_set, ad.ad) == ("Adams Test Campaign", "Adams Test Ad Group")
    assert ad.params["meta_account_id"] == "444444"


def test_a_referrer_that_is_still_quoted_is_read_as_well() -> None:
    assert meta.payload_in(quote(REFERRER)) == meta.payload_in(REFERRER)


def test_an_older_key_still_opens_what_was_sealed_with_it() -> None:
    payload = meta.payload_in(REFERRER)
    assert payload is not None

    assert meta.decrypt(payload, ["00" * 32, KEY]) is not None


@pytest.mark.parametrize("keys", [[], ["00" * 32], ["not hex"], ["ab"], [""]])
def test_a_message_that_no_key_opens_is_none_and_never_an_error(keys: list[str]) -> None:
    payload = meta.payload_in(REFERRER)
    assert payload is not None

    assert meta.decrypt(payload, keys) is None


@pytest.mark.parametrize("said", [b"\xff\xfe", b"[]", b"7", b"{", b"[" * 5_000])
def test_what_decrypts_to_something_else_is_none(said: bytes) -> None:
    assert meta.decrypt(sealed(said), [KEY]) is None


def test_a_flipped_bit_is_none() -> None:
    assert meta.decrypt(meta.Payload(f"{'b' if DATA[0] == 'a' else 'a'}{DATA[1:]}", NONCE), [KEY]) is None


def test_ids_stand_in_for_missing_names_and_odd_values_are_left_out() -> None:
    ad = meta.decrypt(sealed({"campaign_group_id": 7, "campaign_name": ["x"], "ad_id": "9\x00"}), [KEY])

    assert ad is not None
    assert (ad.campaign, ad.campaign_id, ad.ad_set, ad.ad) == ("7", "7", "", "9")


@given(st.text(max_size=200))
def test_no_referrer_ever_raises(text: str) -> None:
    meta.payload_in(text)
    meta.payload_in(f"utm_content={text}")
    assert meta.referrer_of(text, click=True, at_s=0) == "" or "data" in text


@given(st.dictionaries(st.sampled_from(["data", "nonce", "x"]), st.text("0123456789abcdefg", max_size=30)))
def test_no_message_ever_raises(source: dict[str, str]) -> None:
    payload = meta.payload_in(f"utm_content={quote(json.dumps({'source': source}))}")
    assert payload is None or meta.decrypt(payload, [KEY]) is None


def test_an_install_hands_over_googles_referrer_with_metas_message() -> None:
    said = claims.of_event(event({"install_referrer": REFERRER}))

    assert said.install_referrer == REFERRER
    assert said.meta is not None
    assert said.asks


def test_metas_own_referrer_goes_before_an_organic_one_and_keeps_kind_and_time() -> None:
    own = {"install_referrer": CONTENT, "is_ct": 0, "actual_timestamp": 1_763_200_000}

    said = claims.of_event(event({"install_referrer": "utm_source=google-play&utm_medium=organic",
                                  "meta_install_referrer": own}))  # fmt: skip

    assert said.meta == meta.Payload(DATA, NONCE, 1_763_200_000, False)
    assert meta.payload_in(said.install_referrer) == said.meta


def test_a_click_id_of_ours_goes_before_metas_own_referrer() -> None:
    said = claims.of_event(event({"install_referrer": "click_id=tch_1", "meta_install_referrer": CONTENT}))

    assert said == claims.Claims(install_referrer="click_id=tch_1")


@pytest.mark.parametrize("own", [7, [], {}, {"install_referrer": 7}, {"install_referrer": "?"}, "?", None])
def test_nonsense_from_metas_provider_counts_as_not_said(own: Any) -> None:
    assert claims.of_event(event({"meta_install_referrer": own})) == claims.NOTHING


def test_contacts_are_kept_as_digests_only() -> None:
    said = claims.of_event(event(traits={"email": "  Ada@Example.COM ", "phone": "0049 (0)170 / 123-45.67"}))

    assert said.email_sha256 == hashlib.sha256(b"ada@example.com").hexdigest()
    assert said.phone_sha256 == hashlib.sha256(b"+491701234567").hexdigest()
    assert not said.asks


def test_a_digest_that_was_sent_goes_before_the_plain_value() -> None:
    digest = "AB" * 32

    said = claims.of_event(event(email="ada@example.com", emailSha256=digest, traits={"phoneSha256": digest}))

    assert said.email_sha256 == said.phone_sha256 == digest.lower()


@pytest.mark.parametrize("address", ["", "ada", "@x.de", "ada@localhost", "a b@x.de"])
def test_what_is_no_address_has_no_digest(address: str) -> None:
    assert contacts.email_sha256(address) == ""


@pytest.mark.parametrize("number", ["", "0170 1234567", "+0170123", "+49170x1234567", "+12345", "+1234567890123456"])
def test_a_number_without_its_country_has_no_digest(number: str) -> None:
    assert contacts.phone_sha256(number) == ""


@given(st.emails())
def test_the_way_an_address_is_written_does_not_matter(address: str) -> None:
    assert contacts.email_sha256(f" {address.upper()}\n") == contacts.email_sha256(address.upper().lower())


@pytest.mark.parametrize("token", [7, None, "", "x" * 4_001, ["t"]])
def test_a_token_in_the_wrong_form_counts_as_not_said(token: Any) -> None:
    assert claims.of_event(event({"apple_ads_token": token})).apple_token == ""


def test_an_unread_message_is_noted_and_an_answered_one_is_not() -> None:
    assert claims.notes_of(REFERRER, "") == (claims.META_NOT_DECRYPTED,)
    assert claims.notes_of(REFERRER, "meta_7") == ()
    assert claims.notes_of("click_id=1", "") == ()
