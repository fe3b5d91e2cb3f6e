"""The API of Apple's postbacks: copies of networks, the list, schemas, the check of a signature."""

from typing import Any

import pytest
from django.test import Client

from attribution.models import AppleApp, ApplePostback, ConversionSchema
from attribution.skan import receiving
from tests.attribution.conftest import Api
from tests.attribution.skan_rows import aak, ours, public, skan
from tests.attribution.test_skan_receiving import APP, send
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    ours(monkeypatch)


def copies(api: Api, *bodies: dict[str, Any]) -> list[dict[str, Any]]:
    answer = api("POST", "/v1/skan/postbacks", {"postbacks": list(bodies)})
    assert answer.status_code == 200, answer.content
    return answer.json()["results"]


def test_a_networks_copy_counts_until_the_phones_own_comes(api: Api) -> None:
    AppleApp.objects.create(project=api.project, app_id=APP)
    [copy] = copies(api, skan(conversion_value=63))
    assert (copy["state"], copy["counted"], copy["conflict"], copy["repeated"]) == ("valid", True, False, False)

    send(skan(conversion_value=3))

    device = ApplePostback.objects.get(origin="device")
    network = ApplePostback.objects.get(origin="network")
    assert (device.counted, device.conflict) == (True, False)
    assert (network.counted, network.conflict) == (False, True)
    assert copies(api, skan(conversion_value=63))[0]["repeated"]


def test_a_copy_that_says_the_same_or_leaves_out_is_no_conflict(api: Api) -> None:
    AppleApp.objects.create(project=api.project, app_id=APP)
    send(skan(conversion_value=3))

    same, less, other = copies(api, skan(conversion_value=3), skan(), skan(conversion_value=4))

    assert [one["counted"] for one in (same, less, other)] == [False, False, False]
    assert [one["conflict"] for one in (same, less, other)] == [False, False, True]


def test_each_row_of_a_batch_is_judged_by_itself(api: Api) -> None:
    good, tampered, kit, odd = copies(api, skan(), {**skan(), "app-id": 7}, aak(), {"x": "odd"})

    assert [one["state"] for one in (good, tampered, kit, odd)] == ["valid", "invalid", "valid", "invalid"]
    assert tampered["message"].startswith("attribution-signature: The signature does not fit")
    assert ApplePostback.objects.filter(project=api.project).count() == 4


def test_a_number_that_nothing_can_hold_is_kept_as_refused(api: Api) -> None:
    raw = b'{"postbacks": [{"app-id": 1180591620717411303424, "version": "4.0"}]}'

    answer = api("POST", "/v1/skan/postbacks", raw)

    assert answer.status_code in {200, 400}
    assert not ApplePostback.objects.exclude(state="invalid").exists()


@pytest.mark.parametrize("body", [[], {"postbacks": []}, {"postbacks": [1]}, {"postbacks": "x"}, [{}] * 501, 5])
def test_what_is_no_list_of_postbacks_is_refused(api: Api, body: Any) -> None:
    answer = api("POST", "/v1/skan/postbacks", body)

    assert (answer.status_code, answer.json()["detail"][0]["field"]) == (400, "postbacks")


def test_the_list_tells_what_apple_signed_from_what_it_did_not(api: Api) -> None:
    ConversionSchema.objects.create(
        project=api.project, valid_from="2020-01-01", currency="EUR",
        fine=[{"value": 3, "label": "Trial", "event": "Trial Started", "revenue": "2.5"}],
    )  # fmt: skip
    copies(api, skan(conversion_value=3, app_id=77))

    [row] = api("GET", "/v1/skan/postbacks").json()["results"]

    assert row["signed"]["sourceIdentifier"] == "5239"
    assert row["notAuthenticated"]["conversionValue"] == 3
    assert row["notAuthenticated"]["meaning"] == {
        "label": "Trial", "event": "Trial Started", "revenue": "2.5", "currency": "EUR",
    }  # fmt: skip


def test_the_list_is_filtered_and_paged_and_is_the_projects_own(api: Api) -> None:
    copies(api, skan(), skan(postback_sequence_index=1), {**skan(), "app-id": 7}, aak())
    receiving.take(b"{}", now=ApplePostback.objects.latest("pk").received_at, project_id=ProjectFactory().pk)

    def ids(query: str) -> list[str]:
        answer = api("GET", f"/v1/skan/postbacks?{query}")
        assert answer.status_code == 200, answer.content
        return [row["id"] for row in answer.json()["results"]]

    assert len(ids("")) == 4
    assert [len(ids(query)) for query in ("state=invalid", "kind=aak", "sequence=1", f"appId={APP}")] == [1, 1, 1, 3]
    assert [len(ids(query)) for query in ("counted=true", "test=true", "network=22mmun2rn5.skadnetwork")] == [3, 0, 3]
    assert len(ids("transactionId=6aafb7a5-0170-41b5-bbe4-fe71dedf1e30")) == 3
    assert [len(ids(query)) for query in ("from=2020-01-01", "to=2020-01-01")] == [4, 0]
    first = api("GET", "/v1/skan/postbacks?limit=3").json()
    assert len(api("GET", f"/v1/skan/postbacks?limit=3&cursor={first['next']}").json()["results"]) == 1


@pytest.mark.parametrize(
    ("query", "field"), [("counted=maybe", "counted"), ("appId=x", "appId"), ("from=soon", "from")]
)
def test_a_filter_that_cannot_be_read_is_named(api: Api, query: str, field: str) -> None:
    answer = api("GET", f"/v1/skan/postbacks?{query}")

    assert (answer.status_code, answer.json()["detail"][0]["field"]) == (400, field)


def test_a_signature_is_checked_without_storing_anything(api: Api) -> None:
    for row in public("adattributionkit"):
        assert api("POST", "/v1/skan/verify", {"postback": row["request_body"]}).status_code == 200
    good = api("POST", "/v1/skan/verify", {"postback": skan()}).json()
    text = api("POST", "/v1/skan/verify", {"postback": aak()["jws-string"]}).json()
    bad = api("POST", "/v1/skan/verify", {**skan(), "app-id": 7}).json()

    assert (good["state"], good["key"], good["joined"].count("\u2063")) == ("valid", "apple-p256", 9)
    assert (text["kind"], text["state"]) == ("aak", "valid")
    assert (bad["state"], bad["problem"], bad["field"]) == ("invalid", "signature_wrong", "attribution-signature")
    assert not ApplePostback.objects.exists()
    assert api("POST", "/v1/skan/verify", {"postback": 5}).status_code == 400


def test_a_schema_is_made_and_listed(api: Api) -> None:
    AppleApp.objects.create(project=api.project, app_id=APP)
    body = {
        "appId": APP, "validFrom": "2026-11-01", "currency": "eur",
        "fine": [{"value": "0-2", "label": "Opened"}], "coarse": [{"sequence": 1, "value": "low", "label": "Back"}],
    }  # fmt: skip

    made = api("POST", "/v1/skan/schemas", body)

    assert made.status_code == 201
    assert (made.json()["appId"], made.json()["currency"], len(made.json()["fine"])) == (APP, "EUR", 3)
    assert api("GET", "/v1/skan/schemas").json()["results"] == [made.json()]
    assert api("POST", "/v1/skan/schemas", body).status_code == 409


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"validFrom": "soon"}, 400, "validFrom"),
        ({"fine": []}, 400, "fine"),
        ({"fine": [{"value": 70, "label": "x"}]}, 400, "fine.0.value"),
        ({"currency": "EURO"}, 400, "currency"),
        ({"colour": 1}, 400, "colour"),
        ({"appId": 99}, 404, None),
        ({"appId": "x"}, 404, None),
    ],
)
def test_a_schema_that_cannot_be_taken_is_refused_by_field(
    api: Api, change: dict[str, Any], status: int, field: str | None
) -> None:
    body = {"validFrom": "2026-11-01", "fine": [{"value": 1, "label": "Opened"}], **change}

    answer = api("POST", "/v1/skan/schemas", body)

    assert answer.status_code == status
    assert field is None or answer.json()["detail"][0]["field"] == field


def test_two_for_all_apps_cannot_begin_on_one_day(api: Api) -> None:
    body = {"validFrom": "2026-11-01", "fine": [{"value": 1, "label": "Opened"}]}

    assert [api("POST", "/v1/skan/schemas", body).status_code for _ in range(2)] == [201, 409]


def test_the_numbers_are_those_of_the_page(api: Api) -> None:
    copies(api, skan(conversion_value=3), skan(transaction_id="t2", redownload=True, ad_network_id="abc.skadnetwork"))

    found = api("GET", "/v1/metrics/skan").json()
    campaigns = api("GET", "/v1/metrics/skan?by=campaign&network=tiktok").json()

    assert [(row["network"], row["name"], row["installs"]) for row in found["rows"]] == [
        ("abc.skadnetwork", "abc.skadnetwork", 0), ("tiktok", "TikTok / Pangle", 1),
    ]  # fmt: skip
    assert (found["total"]["redownloads"], found["rows"][1]["withValue"]) == (1, 1)
    assert [(row["campaign"], row["iosInstallsByYourRules"]) for row in campaigns["rows"]] == [("5239", None)]
    assert api("GET", "/v1/metrics/skan?by=colour").status_code == 400
    assert api("GET", "/v1/metrics/skan?from=2026-01-01").status_code == 400


def test_an_app_is_named_and_given_up_by_a_program(api: Api) -> None:
    send(skan())
    made = api("POST", "/v1/skan/apps", {"appId": APP, "name": "Acme"})

    assert (made.status_code, made.json()["adopted"]) == (200, 1)
    assert api("POST", "/v1/skan/apps", {"appId": APP}).json()["adopted"] == 0
    assert [row["appId"] for row in api("GET", "/v1/skan/apps").json()["results"]] == [APP]
    AppleApp.objects.create(project=ProjectFactory(), app_id=77)
    assert api("POST", "/v1/skan/apps", {"appId": 77}).status_code == 409
    assert [api("DELETE", f"/v1/skan/apps/{one}").status_code for one in (77, "x", APP, APP)] == [404, 404, 204, 404]


@pytest.mark.parametrize(
    ("body", "field"),
    [({"appId": "acme"}, "appId"), ({}, "appId"), ({"appId": 5, "sandbox": 1}, "sandbox"), ({"colour": 1}, "colour"),
     ({"appId": 5, "name": 7}, "name")],
)  # fmt: skip
def test_an_app_that_cannot_be_one_is_refused_by_field(api: Api, body: dict[str, Any], field: str) -> None:
    answer = api("POST", "/v1/skan/apps", body)

    assert (answer.status_code, answer.json()["detail"][0]["field"]) == (400, field)


@pytest.mark.parametrize("path", ["/v1/skan/postbacks", "/v1/skan/schemas", "/v1/skan/verify", "/v1/skan/apps"])
def test_a_secret_key_is_needed(api: Api, path: str) -> None:
    assert api("POST", path, {}, key="").status_code == 401
    assert Client().post(path, HTTP_AUTHORIZATION="Bearer wk_x").status_code == 401
