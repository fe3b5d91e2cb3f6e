"""Keys kept encrypted, and signatures of clicks, installs and receipts."""

import base64
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from attribution import secrets, signatures
from attribution.models import Secret
from customers.models import Project
from growthplatform.core.errors import InvalidField
from tests.factories import ProjectFactory

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
KEY, OTHER = "first-signing-key-0001", "other-signing-key-0002"
CLICK, SDK, PLAY = Secret.Kind.CLICK_SIGNATURE, Secret.Kind.SDK_SIGNATURE, Secret.Kind.PLAY_LICENCE
CONTEXT = {"app": {"namespace": "com.acme.app"}, "device": {"id": "d-1"}}


@pytest.fixture(autouse=True)
def _forget() -> None:
    secrets.forget_cached()


def test_a_key_is_kept_unreadable_and_given_back_until_it_is_revoked(project: Project) -> None:
    first = secrets.create(project, CLICK, KEY, name="2026", source="tiktok")
    secrets.create(project, CLICK, OTHER, source="tiktok")
    secrets.create(project, CLICK, "key-of-another-source", source="meta")

    assert KEY not in first.encrypted
    assert secrets.live(project.pk, CLICK, "tiktok") == [OTHER, KEY]
    assert secrets.live(project.pk, SDK) == secrets.live(ProjectFactory().pk, CLICK, "tiktok") == []
    secrets.revoke(first)
    secrets.revoke(first)
    assert secrets.live(project.pk, CLICK, "tiktok") == [OTHER]


def test_an_expired_key_and_one_of_another_installation_are_left_out(project: Project) -> None:
    old = secrets.create(project, SDK, KEY)
    Secret.objects.filter(pk=old.pk).update(expires_at=NOW - timedelta(days=9_000))
    Secret.objects.create(project=project, kind=SDK, encrypted="gAAAA-not-ours")

    assert secrets.live(project.pk, SDK) == []


@pytest.mark.parametrize("text", ["short", "", "with a\nline break in it", "x" * 5_000])
def test_what_can_be_no_key_is_refused(project: Project, text: str) -> None:
    with pytest.raises(InvalidField):
        secrets.create(project, SDK, text)


def test_a_signed_click_is_valid_until_it_expires(project: Project) -> None:
    secrets.create(project, CLICK, OTHER, source="tiktok")
    secrets.create(project, CLICK, KEY, source="tiktok")
    query = {"utm_campaign": "Winter & more", "expires": str(int(NOW.timestamp()) + 60)}
    query["signature"] = signatures.sign_click(OTHER, "/c/winter", query)

    def state(path: str = "/c/winter", at: datetime = NOW, **changed: str) -> str:
        return signatures.of_click(project.pk, "tiktok", {**query, **changed}, path, at)

    assert state() == state(signature=query["signature"].upper()) == "valid"
    assert state(at=NOW + timedelta(seconds=60)) == "valid"
    assert state(at=NOW + timedelta(seconds=61)) == "expired"
    assert state("/c/other") == state(utm_campaign="Mine") == state(signature="") == state(signature="é") == "invalid"
    assert state(expires="9999999999") == state(extra="1") == "invalid"


def test_a_click_of_a_source_without_a_key_says_nothing(project: Project) -> None:
    secrets.create(project, CLICK, KEY, source="tiktok")

    assert signatures.of_click(project.pk, "meta", {"signature": "x"}, "/c/winter", NOW) == ""
    assert signatures.of_click(project.pk, "tiktok", {}, "/c/winter", NOW) == "invalid"


def test_a_click_signed_without_an_end_is_invalid(project: Project) -> None:
    secrets.create(project, CLICK, KEY, source="tiktok")
    for expires in ({}, {"expires": "soon"}, {"expires": "9" * 30}):
        query = dict(expires)
        query["signature"] = signatures.sign_click(KEY, "/c/w", query)
        assert signatures.of_click(project.pk, "tiktok", query, "/c/w", NOW) == "invalid"


def test_the_signature_of_the_docs_is_what_is_checked() -> None:
    query = {"campaign": "Winter sale", "expires": "1794312060"}

    signed = signatures.sign_click("0123456789abcdef", "/c/winter", query)

    assert signed == "fa6103e2edc4415b7db5f1cd937cdb5b460428ecb082a8088b63b59f95ba8c14"


def test_a_signed_install_is_valid_within_five_minutes_of_its_time(project: Project) -> None:
    secrets.create(project, SDK, KEY)

    def state(skew_s: int = 0, message_id: str = "m-1", **context: object) -> str:
        t = str(int(NOW.timestamp()) + skew_s)
        signed = f"t={t},v1={signatures.sign_install(KEY, t, 'm-1', 'com.acme.app', 'd-1')}"
        return signatures.of_install(project.pk, {"signature": signed}, {**CONTEXT, **context}, message_id, NOW)

    assert state() == state(300) == state(-300) == "valid"
    assert state(301) == state(-301) == "expired"
    assert state(message_id="m-2") == state(device={"id": "d-2"}) == state(app="x") == "invalid"


@pytest.mark.parametrize("signed", [None, "", "t=1", "v1=aa", "t=x,v1=aa", "t=1,v1=é", 7, {"t": 1}])
def test_an_install_without_a_readable_signature_is_invalid_once_there_is_a_key(
    project: Project, signed: object
) -> None:
    assert signatures.of_install(project.pk, {}, {**CONTEXT, "signature": signed}, "m-1", NOW) == ""
    secrets.create(project, SDK, KEY)
    assert signatures.of_install(project.pk, {}, {**CONTEXT, "signature": signed}, "m-1", NOW) == "invalid"


def test_a_receipt_is_checked_with_the_key_of_google_play(project: Project) -> None:
    private = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    data = '{"orderId":"GPA.1","productId":"gold"}'
    signed = base64.b64encode(private.sign(data.encode(), padding.PKCS1v15(), hashes.SHA1())).decode()  # noqa: S303
    receipt = {"data": data, "signature": signed}

    assert signatures.of_receipt(project.pk, {"receipt": receipt}) == ""
    secrets.create(project, PLAY, base64.b64encode(public).decode())
    assert signatures.of_receipt(project.pk, {"receipt": receipt}) == "valid"
    assert signatures.of_receipt(project.pk, {}) == ""
    for wrong in ({"data": data + " "}, {"signature": "????"}, {"signature": None}, {"data": 7}):
        assert signatures.of_receipt(project.pk, {"receipt": {**receipt, **wrong}}) == "invalid"
