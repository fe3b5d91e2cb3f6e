"""Apps of other vendors: claimed, changed, put away; the names of their events; the same by the API."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from events import event_names, vendor_apps, vendor_formats, vendor_traffic
from events.dialects import registry, vendors
from events.dialects.base import Claim
from events.dialects.vendors import Found
from events.event_names import Arrived, bare, suggest
from events.models import EventName, Rejected, VendorApp
from growthplatform.core.errors import InvalidField, Problem
from tests.factories import ProjectFactory
from tests.scene import Scene, digest_all, make_scene

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    vendors.forget_cached()
    return make_scene()


def vendor_event(n: int, theirs: str = "af_purchase", name: str = "", at: datetime | None = None) -> dict[str, object]:
    return {
        "type": "track",
        "event": name or theirs,
        "userId": f"u{n}",
        "messageId": f"{theirs}-{n}",
        "timestamp": (at or timezone.now() - timedelta(minutes=5)).isoformat(),
        "context": {"library": {"name": "appsflyer"}, "vendor": {"dialect": "appsflyer", "event": theirs}},
    }


def find(app_id: str, key: str) -> Found | None:
    try:
        return vendors.find("appsflyer", Claim(app_id, key))
    except Problem:
        return None


def delete(scene: Scene, path: str, key: str | None = None) -> HttpResponse:
    return Client().delete(path, HTTP_AUTHORIZATION=f"Bearer {key or scene.secret_key}")


def test_a_claimed_app_is_found_by_id_and_key_and_no_longer_once_put_away(scene: Scene) -> None:
    app = vendor_apps.claim(scene.project, "appsflyer", " id123456789 ", key="dev-key-of-acme-42")

    found = find("id123456789", "dev-key-of-acme-42")
    vendor_apps.archive(app, now=timezone.now())
    gone = find("id123456789", "dev-key-of-acme-42")
    vendor_apps.restore(app)
    back = find("id123456789", "dev-key-of-acme-42")

    assert found
    assert found.caller.project_id == scene.project.pk
    assert (app.os_name, app.key_hint) == ("ios", "…e-42")
    assert gone is None
    assert back
    assert back.app_pk == app.pk


def test_another_key_takes_the_place_of_the_former(scene: Scene) -> None:
    app = vendor_apps.claim(scene.project, "appsflyer", "com.acme.shop", key="first-key")

    vendor_apps.change_key(app, "second-key")

    by_new, by_old = (find("com.acme.shop", key) for key in ("second-key", "first-key"))
    assert by_new
    assert by_new.app_pk == app.pk
    assert by_old is None


@pytest.mark.parametrize(
    ("dialect", "app_id", "key", "os_name", "field"),
    [
        ("appsflyer", "123456789", "dev-key", "", "appId"),
        ("appsflyer", "id123456789", "", "", "key"),
        ("appsflyer", "id123456789", "a key", "", "key"),
        ("appsflyer", "com.acme\x00", "dev-key", "", "appId"),
        ("adjust", "short", "", "", "appId"),
        ("adjust", "abc123def456", "", "windows", "os"),
        ("branch", "secret_live_1", "", "", "appId"),
        ("posthog", "phc_1234", "key", "", "key"),
        ("posthog", "x" * 156, "", "", "appId"),
        ("singular", "com.acme", "", "", "key"),
        ("mixpanel", "x", "", "", "dialect"),
    ],
)
def test_what_no_client_of_the_vendor_sends_is_refused_by_field(
    scene: Scene, dialect: str, app_id: str, key: str, os_name: str, field: str
) -> None:
    with pytest.raises(InvalidField) as refused:
        vendor_apps.claim(scene.project, dialect, app_id, key=key, os_name=os_name)

    assert refused.value.detail[0]["field"] == field


def test_an_app_belongs_to_one_project_at_a_time(scene: Scene) -> None:
    first = vendor_apps.claim(ProjectFactory(), "adjust", "abc123def456")

    with pytest.raises(vendor_apps.AppTaken):
        vendor_apps.claim(scene.project, "adjust", "abc123def456")
    vendor_apps.archive(first, now=timezone.now())
    mine = vendor_apps.claim(scene.project, "adjust", "abc123def456")
    with pytest.raises(vendor_apps.AppTaken):
        vendor_apps.restore(first)

    assert VendorApp.objects.filter(archived_at=None).get() == mine


def test_every_format_has_its_words_and_each_address_of_a_dialect_belongs_to_one() -> None:
    assert set(vendor_formats.FORMATS) == set(VendorApp.Dialect.values)
    for one in vendor_formats.FORMATS.values():
        assert one.app_form.fullmatch(one.app_example), one.dialect
        assert one.example.format(base="https://x.example", app=one.app_example, key="k").startswith("curl ")
        assert len(one.sample) > 1
        if dialect := registry.DIALECTS.get(one.dialect):
            assert dialect.VENDOR_URL
            found = registry.of_path(one.sample)
            assert found, one.sample
            assert one.dialect == found.NAME


def test_names_that_arrive_are_suggested_with_how_often_they_came(scene: Scene) -> None:
    calls = [vendor_event(n) for n in range(3)]
    calls += [vendor_event(n, "af_complete_registration") for n in range(2)]
    calls += [vendor_event(0, "af_custom_7"), vendor_event(1, "af_login", "Signed In")]
    old = vendor_event(9, "af_rate", at=timezone.now() - timedelta(days=40))
    scene.record(*calls, old, {"type": "track", "event": "Sign-up", "userId": "u", "messageId": "own"})
    EventName.objects.create(project=scene.project, dialect="appsflyer", theirs="af_login", ours="Signed In")
    digest_all()
    usual = {"af_purchase": "Order Completed", "af_complete_registration": "Sign Up"}

    found = event_names.suggestions(scene.project, "appsflyer", usual, now=timezone.now())

    assert [(one.theirs, one.count, one.ours) for one in found] == [
        ("af_purchase", 3, "Order Completed"),
        ("af_complete_registration", 2, "Sign-up"),
        ("af_custom_7", 1, ""),
    ]


def test_a_name_of_the_projects_own_that_is_spelled_alike_goes_first() -> None:
    found = [Arrived("af_sign_up", "af_sign_up", 5, NOW), Arrived("Purchase", "Purchase", 4, NOW)]

    suggested = suggest(found, {}, {"af_sign_up": "Signed Up"}, ["Sign Up", "Purchase"])

    assert [(one.ours, one.why) for one in suggested] == [("Sign Up", "Spelled like an event you have"), ("", "")]


@pytest.mark.parametrize("name", ["af_sign_up", "Signed Up", "signUp", "SIGN-UP", "sign up", "SignedUp"])
def test_spellings_of_one_name_are_alike(name: str) -> None:
    assert bare(name) == "signup"


@given(st.text(max_size=30), st.text(max_size=30))
def test_suggesting_never_gives_back_the_same_name(theirs: str, usual: str) -> None:
    [one] = suggest([Arrived(theirs, theirs, 1, NOW)], {}, {theirs: usual}, [theirs, usual])

    assert one.ours != theirs or not one.ours


def test_traffic_is_counted_by_format_and_refusals_stand_beside_it(scene: Scene) -> None:
    scene.record(*(vendor_event(n) for n in range(4)), {"type": "track", "event": "Own", "userId": "u"})
    digest_all()
    Rejected.objects.create(
        project=scene.project, fingerprint="1" * 32, code="id_prefix_missing", message="m",
        path="/inappevent/123456789", body="{}", seen=7,
    )  # fmt: skip

    counted = vendor_traffic.traffic(scene.project, now=timezone.now())
    refused = vendor_traffic.refused(scene.project)

    assert {dialect: one.events for dialect, one in counted.items()} == {"appsflyer": 4}
    assert (refused["appsflyer"].kinds, refused["appsflyer"].times) == (1, 7)
    assert refused["adjust"].kinds == 0
    assert vendor_traffic.refused_codes(scene.project, "appsflyer") == [("id_prefix_missing", 1)]
    assert len(vendor_traffic.newest(scene.project, "appsflyer", now=timezone.now(), number=3)) == 3
    assert vendor_traffic.newest(scene.project, "adjust", now=timezone.now()) == []


def test_the_api_claims_lists_and_puts_away(scene: Scene) -> None:
    body = {"dialect": "appsflyer", "appId": "id123456789", "key": "dev-key-of-acme-42"}

    made = scene.api("/v1/vendor-apps", body)
    again = scene.api("/v1/vendor-apps", body)
    listed = scene.api("/v1/vendor-apps?dialect=appsflyer").json()["results"]
    gone = delete(scene, f"/v1/vendor-apps/{made.json()['id']}")

    assert made.status_code == 201
    assert "dev-key" not in made.content.decode()
    assert (again.status_code, again.json()["code"]) == (409, "app_taken")
    assert [row["appId"] for row in listed] == ["id123456789"]
    assert gone.json()["archivedAt"]
    assert scene.api("/v1/vendor-apps").json()["results"] == []
    assert len(scene.api("/v1/vendor-apps?archived=true").json()["results"]) == 1


def test_the_api_of_names_maps_suggests_and_forgets(scene: Scene) -> None:
    scene.record(vendor_event(1))
    digest_all()
    before = scene.api("/v1/event-names?dialect=appsflyer&suggested=true").json()["results"]

    named = scene.api("/v1/event-names", {"dialect": "appsflyer", "names": {"af_purchase": "Order Completed"}})
    renamed = scene.api("/v1/event-names", {"dialect": "appsflyer", "names": {"af_purchase": "Bought"}})
    listed = scene.api("/v1/event-names").json()["results"]
    forgotten = delete(scene, f"/v1/event-names/{listed[0]['id']}")

    assert [(row["theirs"], row["ours"], row["count"]) for row in before] == [("af_purchase", "Order Completed", 1)]
    assert named.status_code == renamed.status_code == 200
    assert [(row["theirs"], row["ours"]) for row in listed] == [("af_purchase", "Bought")]
    assert vendors.names_of(scene.project.pk, "appsflyer") == {}
    assert forgotten.status_code == 204


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/vendor-apps", {"dialect": "mixpanel", "appId": "x"}, "dialect"),
        ("/v1/vendor-apps", {"dialect": "adjust"}, "appId"),
        ("/v1/vendor-apps", {"dialect": "adjust", "appId": "abc123def456", "forward": True}, "forward"),
        ("/v1/vendor-apps", [], "body"),
        ("/v1/event-names", {"dialect": "adjust", "names": {}}, "names"),
        ("/v1/event-names", {"dialect": "adjust", "names": {"abc123": "x" * 300}}, "ours"),
        ("/v1/event-names", {"dialect": "adjust", "names": {" ": "x"}}, "theirs"),
        ("/v1/event-names", {"dialect": "adjust", "names": {str(n): "x" for n in range(1001)}}, "names"),
    ],
)
def test_what_the_api_can_not_take_is_named_by_field(scene: Scene, path: str, body: object, field: str) -> None:
    answer = scene.api(path, orjson.dumps(body))

    assert answer.status_code == 400
    assert field in answer.json()["detail"][0]["field"]


def test_the_api_is_closed_to_write_keys_and_other_projects(scene: Scene) -> None:
    other = make_scene()
    app = vendor_apps.claim(scene.project, "adjust", "abc123def456")
    name = event_names.name(scene.project, "adjust", "f0ob4r", "Signed Up")

    for path in ("/v1/vendor-apps", "/v1/event-names"):
        assert scene.api(path, key="").status_code == 401
        assert scene.api(path, key=scene.write_key).status_code == 403
        assert other.api(path).json()["results"] == []
        assert scene.api(f"{path}?dialect=odd").status_code == 400
        assert scene.api(f"{path}?cursor=odd").status_code == 400
    assert delete(other, f"/v1/vendor-apps/{app.pk}").status_code == 404
    assert delete(other, f"/v1/event-names/{name.pk}").status_code == 404
    assert scene.api("/v1/event-names?suggested=true").status_code == 400
