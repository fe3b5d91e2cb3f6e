"""Pages of vendors' formats: what there is, how an app is connected, what its events are called, what arrives."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from events import event_names, tasks, vendor_apps
from events.dialects import vendors
from events.models import EventName, Rejected, VendorApp
from tests.scene import Scene, digest_all, make_scene, text_of, words_of

KEY = "dev-key-of-acme-42"


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    vendors.forget_cached()
    return make_scene()


def send(path: str = "/inappevent/id123456789", name: str = "af_purchase", **fields: object) -> None:
    body = {"appsflyer_id": "1700000000000-1234567", "eventName": name, "eventValue": "", **fields}
    Client().post(path, json.dumps(body), content_type="application/json", headers={"authentication": KEY})


@pytest.fixture
def app(scene: Scene) -> VendorApp:
    return vendor_apps.claim(scene.project, "appsflyer", "id123456789", key=KEY)


def test_the_list_shows_each_format_with_its_state(scene: Scene, app: VendorApp) -> None:
    send()
    send("/inappevent/123456789")
    vendor_apps.claim(scene.project, "adjust", "abc123def456")
    digest_all()

    page = text_of(scene.owner.get(scene.url("vendors/")))
    rows = words_of(scene.owner.get(scene.url("vendors/rows/")))

    assert scene.url("vendors/rows/") in page
    for name in ("AppsFlyer", "Adjust", "Branch", "Singular", "Kochava", "PostHog"):
        assert name in rows
    assert rows.count("Receiving") == rows.count("Waiting") == 1
    assert rows.count("Not connected") == 4


def test_a_format_says_how_to_change_the_host_and_waits_for_the_first_request(scene: Scene) -> None:
    before = words_of(scene.owner.get(scene.url("vendors/appsflyer/")))
    vendor_apps.claim(scene.project, "appsflyer", "id123456789", key=KEY)
    waiting = text_of(scene.owner.get(scene.url("vendors/appsflyer/check/")))
    send("/inappevent/123456789")
    refused = words_of(scene.owner.get(scene.url("vendors/appsflyer/check/")))
    send()
    arrived = text_of(scene.owner.get(scene.url("vendors/appsflyer/check/")))

    assert "https://api3.appsflyer.com" in before
    assert "Connect an app first" in before
    assert "Waiting for the first request" in waiting
    assert "every 3s" in waiting
    assert "Requests arrive, and are refused." in refused
    assert "af_purchase" in arrived
    assert "every 3s" not in arrived


@pytest.mark.parametrize("dialect", ["adjust", "branch", "singular", "kochava", "posthog"])
def test_every_format_has_its_page(scene: Scene, dialect: str) -> None:
    answer = scene.owner.get(scene.url(f"vendors/{dialect}/"))

    assert answer.status_code == 200
    assert "curl" in words_of(answer)
    assert scene.owner.get(scene.url(f"vendors/{dialect}/names/")).status_code == 200
    assert scene.owner.get(scene.url(f"vendors/{dialect}x/")).status_code == 404


def test_an_app_is_connected_disconnected_and_taken_back(scene: Scene) -> None:
    made = scene.owner.post(
        scene.url("vendors/appsflyer/apps/"), {"app_id": " com.acme.shop ", "key": KEY}, follow=True
    )
    app = VendorApp.objects.get(project=scene.project)
    gone = scene.owner.post(scene.url(f"vendors/apps/{app.pk}/archive/"), follow=True)
    scene.owner.post(scene.url(f"vendors/apps/{app.pk}/restore/"))

    app.refresh_from_db()
    assert "com.acme.shop is connected" in words_of(made)
    assert KEY not in text_of(made)
    assert (app.os_name, app.archived_at) == ("android", None)
    assert f"undo:{scene.url(f'vendors/apps/{app.pk}/restore/')}" in text_of(gone)


def test_what_is_wrong_with_an_app_stands_beside_its_field_and_nothing_typed_is_lost(scene: Scene) -> None:
    wrong = scene.owner.post(scene.url("vendors/appsflyer/apps/"), {"app_id": "123456789", "key": KEY})
    vendor_apps.claim(make_scene().project, "adjust", "abc123def456")
    taken = scene.owner.post(scene.url("vendors/adjust/apps/"), {"app_id": "abc123def456"})

    assert wrong.status_code == taken.status_code == 422
    assert "id and the App Store’s number" in words_of(wrong)
    assert 'value="123456789"' in text_of(wrong)
    assert "connected already" in words_of(taken)


def test_the_key_of_an_app_is_changed(scene: Scene, app: VendorApp) -> None:
    scene.owner.post(scene.url(f"vendors/apps/{app.pk}/key/"), {"key": "another-key-2026"})
    refused = scene.owner.post(scene.url(f"vendors/apps/{app.pk}/key/"), {"key": ""}, follow=True)

    app.refresh_from_db()
    assert app.key_hash == vendors.hash_of("another-key-2026")
    assert "key must prove" in words_of(refused)


def test_names_are_suggested_accepted_and_forgotten_with_undo(scene: Scene, app: VendorApp) -> None:
    send()
    send(name="af_login")
    send(name="own_thing")
    digest_all()
    names = scene.url("vendors/appsflyer/names/")

    before = words_of(scene.owner.get(names))
    offers = {"theirs": ["af_purchase", "af_login", ""], "ours": ["Order Completed", "Signed In", ""]}
    accepted = scene.owner.post(f"{names}accept/", offers)
    row = EventName.objects.get(theirs="af_login")
    forgotten = scene.owner.post(scene.url(f"vendors/names/{row.pk}/forget/"))
    undo = json.loads(forgotten["HX-Trigger"])["toast"]["undo"]
    scene.owner.post(undo)
    send(name="af_purchase", eventValue='{"af_revenue": 5}')

    assert "Accept 2 suggestions" in before
    assert "own_thing" in before
    assert "2 names accepted" in accepted["HX-Trigger"]
    assert event_names.mapped(scene.project, "appsflyer") == {"af_purchase": "Order Completed", "af_login": "Signed In"}
    assert scene.project.events.filter(name="Order Completed").count() == 1


def test_names_are_cut_searched_and_written_as_a_file(scene: Scene, app: VendorApp) -> None:
    event_names.name_all(scene.project, "appsflyer", {"af_purchase": "Order Completed", "af_rate": "Reviewed"})
    names = scene.url("vendors/appsflyer/names/")

    found = words_of(scene.owner.get(names, {"q": "rate", "show": "mapped"}))
    nothing = words_of(scene.owner.get(names, {"show": "open"}))
    rows = list(csv.DictReader(io.StringIO(text_of(scene.owner.get(f"{names}?format=csv")))))
    wrong = scene.owner.post(f"{names}save/", {"theirs": "af_rate", "ours": " "})

    assert "af_rate" in found
    assert "af_purchase" not in found
    assert "No name matches" in nothing
    assert [(row["theirs"], row["ours"]) for row in rows] == [
        ("af_purchase", "Order Completed"),
        ("af_rate", "Reviewed"),
    ]
    assert wrong.status_code == 422
    assert "A name is needed" in words_of(wrong)


def test_a_viewer_looks_but_changes_nothing(scene: Scene, app: VendorApp) -> None:
    row = event_names.name(scene.project, "appsflyer", "af_rate", "Reviewed")
    page = text_of(scene.viewer.get(scene.url("vendors/appsflyer/")))
    names = text_of(scene.viewer.get(scene.url("vendors/appsflyer/names/")))

    assert "Connect an app</h2>" not in page
    assert "<input" not in names.replace('<input type="search"', "").replace('<input type="hidden"', "")
    for path in (
        "vendors/appsflyer/apps/",
        f"vendors/apps/{app.pk}/archive/",
        f"vendors/apps/{app.pk}/restore/",
        f"vendors/apps/{app.pk}/key/",
        "vendors/appsflyer/names/save/",
        "vendors/appsflyer/names/accept/",
        f"vendors/names/{row.pk}/forget/",
        "rejected/rules/new/",
        "rejected/rules/preview/",
    ):
        assert scene.viewer.post(scene.url(path), {"theirs": "x", "ours": "y"}).status_code == 403, path


def test_a_refused_event_says_what_its_sender_was_told(scene: Scene, app: VendorApp) -> None:
    send("/inappevent/123456789")
    send(appsflyer_id="")
    swallowed, plain = Rejected.objects.filter(project=scene.project).order_by("pk")

    first = words_of(scene.owner.get(scene.url(f"rejected/{swallowed.pk}/")))
    second = words_of(scene.owner.get(scene.url(f"rejected/{plain.pk}/")))

    assert "answers this with success and drops the event" in first
    assert "200 OK" in first
    assert "400 appsflyer_id is a mandatory field" in second
    assert "X-Ingest-Warning missing_id" in second


def test_one_event_is_repaired_in_its_address(scene: Scene, app: VendorApp) -> None:
    send("/inappevent/123456789")
    send("/inappevent/123456789", name="af_login")
    first, second = Rejected.objects.filter(project=scene.project).order_by("pk")
    page = text_of(scene.owner.get(scene.url(f"rejected/{first.pk}/")))

    wrong = scene.owner.post(scene.url(f"rejected/{first.pk}/replay/"), {"body": first.body, "path": "/v1/track"})
    scene.owner.post(scene.url(f"rejected/{first.pk}/replay/"), {"body": first.body, "path": "/inappevent/id123456789"})
    by_api = scene.api(f"/v1/rejected/{second.pk}/replay?path=/inappevent/id123456789", b" ")

    assert 'value="/inappevent/123456789"' in page
    assert "The app’s id stands in the address" in page
    assert wrong.status_code == 422
    assert "must be an address of a vendor" in words_of(wrong)
    assert by_api.json() == {"stored": 1, "repeated": 0}
    assert scene.project.events.filter(name__in=["af_purchase", "af_login"]).count() == 2


def test_refused_events_are_cut_by_format(scene: Scene, app: VendorApp) -> None:
    send("/inappevent/123456789")
    scene.record({"type": "track", "event": "Own"})

    of_one = words_of(scene.owner.get(scene.url("rejected/?vendor=appsflyer")))
    of_another = words_of(scene.owner.get(scene.url("rejected/?vendor=adjust")))
    odd = words_of(scene.owner.get(scene.url("rejected/?vendor=odd")))

    assert "1 different" in of_one
    assert "Sent in the format of AppsFlyer" in of_one
    assert "0 different" in of_another
    assert "2 different" in odd


def test_a_rule_is_tried_kept_watched_paused_and_deleted(scene: Scene, app: VendorApp) -> None:
    send("/inappevent/123456789")
    waiting = words_of(scene.owner.get(scene.url("rejected/?code=id_prefix_missing")))
    form = scene.owner.get(scene.url("rejected/rules/new/?code=id_prefix_missing"))
    given = {name: field.initial for name, field in form.context["form"].fields.items()} | form.context["form"].initial
    tried = words_of(scene.owner.post(scene.url("rejected/rules/preview/"), given))
    kept = scene.owner.post(scene.url("rejected/rules/new/"), given, follow=True)
    rule = scene.project.repair_rules.get()
    tasks.repair_refused()
    done = words_of(scene.owner.get(scene.url(f"rejected/rules/{rule.pk}/")))
    listed = words_of(scene.owner.get(scene.url("rejected/rules/")))
    refusal = Rejected.objects.get(project=scene.project)
    detail = words_of(scene.owner.get(scene.url(f"rejected/{refusal.pk}/")))
    paused = words_of(scene.owner.post(scene.url(f"rejected/rules/{rule.pk}/pause/"), follow=True))
    scene.owner.post(scene.url(f"rejected/rules/{rule.pk}/resume/"))
    scene.owner.post(scene.url(f"rejected/rules/{rule.pk}/remove/"))

    assert "Add “id” before the app id" in waiting
    assert "Would repair 1 of 1" in tried
    assert "still to be tried" in words_of(kept)
    assert "1 event repaired and stored" in done
    assert "1 rule, 1 event repaired" in listed
    assert "by the rule Add “id” before the app id" in detail
    assert "Paused" in paused
    assert not scene.project.repair_rules.exists()
    assert Rejected.objects.get(project=scene.project).state == "replayed"


def test_a_rule_that_can_do_nothing_is_refused_beside_its_field(scene: Scene) -> None:
    answer = scene.owner.post(
        scene.url("rejected/rules/new/"), {"code": "missing_id", "field": "user_id", "action": "rename", "value": ""}
    )
    preview = words_of(scene.owner.post(scene.url("rejected/rules/preview/"), {"code": "missing_id"}))

    assert answer.status_code == 422
    assert "What is written there?" in words_of(answer)
    assert 'value="user_id"' in text_of(answer)
    assert "Name the member of the body" in preview


def test_the_api_tries_keeps_pauses_and_deletes_rules(scene: Scene) -> None:
    scene.record({"type": "track", "event": "Signed Up", "user_id": "ada"})
    rule = {"code": "missing_id", "field": "user_id", "action": "rename", "value": "userId"}
    headers = {"HTTP_AUTHORIZATION": f"Bearer {scene.secret_key}"}

    tried = scene.api("/v1/repair-rules/preview", rule).json()
    made = scene.api("/v1/repair-rules", rule)
    address = f"/v1/repair-rules/{made.json()['id']}"
    paused = Client().patch(address, '{"paused": true}', content_type="application/json", **headers).json()
    listed = scene.api("/v1/repair-rules").json()["results"]
    wrong = scene.api("/v1/repair-rules", {**rule, "value": ""})
    other = make_scene().api(address)
    gone = Client().delete(address, **headers)

    assert (tried["waiting"], tried["wouldRepair"]) == (1, 1)
    assert made.status_code == 201
    assert made.json()["name"] == "Rename user_id to userId"
    assert paused["paused"] is True
    assert [(row["repaired"], row["toTry"]) for row in listed] == [(0, 1)]
    assert (wrong.status_code, wrong.json()["detail"][0]["field"]) == (400, "value")
    assert other.status_code == 404
    assert gone.status_code == 204
    assert scene.api("/v1/repair-rules", key=scene.write_key).status_code == 403


def test_an_app_used_a_while_ago_is_quiet(scene: Scene, app: VendorApp) -> None:
    VendorApp.objects.update(last_used_at=timezone.now() - timedelta(days=3))

    check = words_of(scene.owner.get(scene.url("vendors/appsflyer/check/")))

    assert "The last request came" in check
    assert "Quiet" in words_of(scene.owner.get(scene.url("vendors/rows/")))
