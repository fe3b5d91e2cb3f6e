"""Keys of networks: kept, shown once, revoked; a key of Meta's opens what waited for it."""

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client

from attribution import secrets
from attribution.models import Install, Secret
from customers.models import Member, Project
from tests.attribution.conftest import _signed_in
from tests.attribution.test_claims import KEY
from tests.attribution.test_network_claims import opened

PAGE = "/dashboard/acme/network-keys/"


@pytest.fixture
def admin(project: Project) -> Client:
    return _signed_in(project, Member.Role.ADMIN)


def make(client: Client, **fields: str) -> Any:
    return client.post(f"{PAGE}create/", fields)


def test_a_key_of_metas_is_kept_and_opens_the_last_days_installs(admin: Client, project: Project) -> None:
    opened(project)
    assert "1 install of the last 24 hours carries" in admin.get(PAGE).content.decode()

    answer = make(admin, kind="meta_referrer", name="Notes app", key=f" {KEY} ")

    assert answer.status_code == 200
    assert KEY not in answer.content.decode()
    assert Install.objects.get().claim_id.startswith("meta_")
    assert KEY not in Secret.objects.get().encrypted
    assert secrets.live(project.pk, "meta_referrer") == [KEY]
    assert "last 24 hours" not in admin.get(PAGE).content.decode()


def test_a_signing_key_is_made_here_and_shown_once(admin: Client, project: Project) -> None:
    answer = make(admin, kind="click_signature", name="Adnova", source="adnova")

    made = answer.context["made"]
    assert len(made) >= 32
    assert made in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    assert made not in admin.get(PAGE).content.decode()
    assert secrets.live(project.pk, "click_signature", "adnova") == [made]


def test_a_play_licence_key_is_a_public_key(admin: Client, project: Project) -> None:
    public = rsa.generate_private_key(65537, 2048).public_key()
    text = base64.b64encode(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()

    assert make(admin, kind="play_licence", key=text).status_code == 200
    assert make(admin, kind="play_licence", key=text[:-8]).status_code == 422


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "meta_referrer", "key": "abc"}, "key"),
        ({"kind": "meta_referrer", "key": ""}, "key"),
        ({"kind": "meta_referrer", "key": KEY, "source": "meta"}, "source"),
        ({"kind": "click_signature", "key": "x" * 40}, "source"),
        ({"kind": "sdk_signature", "key": "short"}, "key"),
        ({"kind": "nonsense", "key": "x"}, "kind"),
        ({"kind": "play_licence", "key": "AAAA"}, "key"),
    ],
)
def test_a_wrong_key_is_refused_beside_its_field(admin: Client, fields: dict[str, str], field: str) -> None:
    answer = make(admin, **fields)

    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert not Secret.objects.exists()


def test_a_key_is_revoked_by_its_name_only(admin: Client, project: Project) -> None:
    key = secrets.create(project, "meta_referrer", KEY, name="Notes app")

    admin.post(f"{PAGE}{key.pk}/revoke/", {"confirm": "something"})
    assert secrets.live(project.pk, "meta_referrer") == [KEY]

    admin.post(f"{PAGE}{key.pk}/revoke/", {"confirm": "Notes app"})
    assert secrets.live(project.pk, "meta_referrer") == []
    assert "Revoked keys" in admin.get(PAGE).content.decode()


def test_only_managers_change_keys_and_strangers_see_none(
    editor: Client, stranger: Client, admin: Client, project: Project
) -> None:
    assert editor.get(PAGE).status_code == 200
    assert make(editor, kind="sdk_signature").status_code == 403
    assert stranger.get(PAGE).status_code == 404
    theirs = secrets.create(project, "meta_referrer", KEY)
    assert stranger.post(f"{PAGE}{theirs.pk}/revoke/", {"confirm": "x"}).status_code == 404
