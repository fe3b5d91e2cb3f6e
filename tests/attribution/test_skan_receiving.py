"""The addresses that phones send Apple's postbacks to: everything is stored, each once, one of its copies counts."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from attribution import domains, tasks
from attribution.models import AppleApp, ApplePostback, Domain
from attribution.skan import apps, receiving
from customers.models import Project
from tests.attribution.skan_rows import aak, ours, skan
from tests.factories import ProjectFactory

SKAN = "/.well-known/skadnetwork/report-attribution/"
AAK = "/.well-known/appattribution/report-attribution/"
APP = 525463029

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ours(monkeypatch)
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def app(project: Project) -> AppleApp:
    return AppleApp.objects.create(project=project, app_id=APP, name="Acme")


def send(body: Any, path: str = SKAN, **headers: str) -> HttpResponse:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Client().generic("POST", path, raw, content_type="application/json", **headers)


def test_a_phones_postback_is_stored_for_the_project_of_its_app(app: AppleApp) -> None:
    answer = send(skan(conversion_value=63))

    row = ApplePostback.objects.get()
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert "X-Ingest-Warning" not in answer
    assert (row.project_id, row.state, row.counted, row.origin) == (app.project_id, "valid", True, "device")
    assert (row.network_id, row.source_identifier, row.conversion_value) == ("22mmun2rn5.skadnetwork", "5239", 63)
    assert (row.conversion_type, row.did_win, row.fidelity_type) == ("download", True, 1)


@pytest.mark.parametrize("path", [SKAN, SKAN[:-1], AAK, AAK[:-1]])
def test_each_address_takes_each_kind_with_and_without_a_slash(app: AppleApp, path: str) -> None:
    outside = {"conversion-value": 24, "ad-interaction-type": "click", "country-code": "US"}

    assert send(aak(outside=outside), path).status_code == send(skan(), path).status_code == 200

    kit = ApplePostback.objects.get(kind="aak")
    assert (kit.state, kit.counted, kit.interaction, kit.country, kit.app_id) == ("valid", True, "click", "US", APP)
    assert ApplePostback.objects.get(kind="skan").counted


def test_what_a_phone_sends_again_is_stored_once(app: AppleApp) -> None:
    body = skan()
    for _ in range(3):
        assert send(body).status_code == 200
    # Written otherwise it is the same.
    assert send(json.dumps(body, indent=2, sort_keys=True).encode()).status_code == 200

    [row] = ApplePostback.objects.all()
    assert (row.seen, row.counted) == (4, True)


def test_the_three_windows_of_one_install_count_each_once(app: AppleApp) -> None:
    for sequence in (0, 1, 2, 1):
        send(skan(postback_sequence_index=sequence))

    assert list(ApplePostback.objects.filter(counted=True).order_by("sequence").values_list("sequence", flat=True)) == [
        0, 1, 2,
    ]  # fmt: skip
    assert ApplePostback.objects.count() == 3


def test_a_replayed_signature_with_another_value_is_kept_as_a_conflict_and_not_counted(app: AppleApp) -> None:
    send(skan(conversion_value=3))
    send(skan(conversion_value=63))

    first, second = ApplePostback.objects.order_by("pk")
    assert (first.counted, first.conflict, second.counted, second.conflict) == (True, False, False, True)
    assert second.state == "valid"


def test_versions_of_one_postback_are_kept_up_to_a_number_and_the_others_counted_as_seen(app: AppleApp) -> None:
    for value in range(25):
        assert send(skan(conversion_value=value)).status_code == 200

    rows = ApplePostback.objects.order_by("pk")
    assert len(rows) == receiving.MOST_COPIES
    assert (rows[0].counted, rows[0].seen) == (True, 6)


@pytest.mark.django_db(transaction=True)
def test_of_copies_that_come_at_once_one_counts(app: AppleApp) -> None:
    def one(value: int) -> None:
        receiving.take(json.dumps(skan(conversion_value=value)).encode(), now=timezone.now())
        connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(one, [1, 2, 3, 1, 2, 3]))

    assert list(ApplePostback.objects.values_list("counted", flat=True).order_by("-counted")) == [True, False, False]
    assert sum(ApplePostback.objects.values_list("seen", flat=True)) == 6


def test_a_tampered_one_is_kept_refused_and_answered_200(app: AppleApp) -> None:
    answer = send({**skan(), "transaction-id": "other"})

    row = ApplePostback.objects.get()
    assert (answer.status_code, answer["X-Ingest-Warning"]) == (200, "signature_wrong")
    assert (row.state, row.problem, row.counted, row.project_id) == (
        "invalid",
        "signature_wrong",
        False,
        app.project_id,
    )
    assert json.loads(row.raw)["transaction-id"] == "other"


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"", "not_json"),
        (b"%", "not_json"),
        (b"[1]", "not_object"),
        (b"\xff\x00", "not_json"),
        (b'{"a":"\\u0000"}', "missing_field"),
    ],
)
def test_what_is_no_postback_is_kept_and_answered_200(raw: bytes, problem: str) -> None:
    answer = send(raw)

    assert answer.status_code == 200
    row = ApplePostback.objects.get()
    assert (row.state, row.problem, row.project_id) == ("invalid", problem, None)


def test_one_that_is_too_large_is_refused_and_its_beginning_kept(app: AppleApp) -> None:
    answer = send({**skan(), "x": "y" * 70_000})

    row = ApplePostback.objects.get()
    assert answer.status_code == 413
    assert answer.json()["code"] == "body_too_large"
    assert (row.state, row.problem, len(row.raw)) == ("invalid", "too_large", 65_536)


def test_only_post_is_taken() -> None:
    assert Client().get(SKAN).status_code == 405


def test_tests_are_marked_and_not_counted(app: AppleApp) -> None:
    send(skan(source_app_id=0, conversion_value=0))
    send(aak(publisher_item_identifier=0), AAK)

    assert set(ApplePostback.objects.values_list("state", "sandbox", "counted")) == {("valid", True, False)}


def test_a_development_key_is_for_apps_that_take_tests_and_the_switch_works_backwards(app: AppleApp) -> None:
    body = aak(kid="apple-development-identifier/1")
    answer = send(body, AAK)

    row = ApplePostback.objects.get()
    assert (answer["X-Ingest-Warning"], row.state, row.problem) == ("development_key", "invalid", "development_key")

    assert apps.change(app, name="Acme", sandbox=True) == 1

    row.refresh_from_db()
    assert (row.state, row.problem, row.sandbox, row.counted) == ("valid", "", True, False)
    assert apps.change(app, name="Acme", sandbox=False) == 1
    row.refresh_from_db()
    assert row.state == "invalid"


def test_an_unknown_app_waits_until_a_project_names_it(project: Project) -> None:
    answer = send(skan(conversion_value=5))
    send(skan(conversion_value=5))
    assert answer["X-Ingest-Warning"] == "unknown_app"
    assert ApplePostback.objects.get().project_id is None

    _, number = apps.add(project, APP)

    [row] = ApplePostback.objects.all()
    assert number == 1
    assert (row.project_id, row.counted, row.seen, row.conversion_value) == (project.pk, True, 2, 5)


def test_the_worker_gives_what_arrived_meanwhile_and_forgets_what_nobody_wants(project: Project) -> None:
    send(skan())
    send(skan(app_id=99))
    ApplePostback.objects.filter(app_id=99).update(received_at=timezone.now() - timedelta(days=31))
    AppleApp.objects.create(project=project, app_id=APP)

    assert tasks.adopt_postbacks() == 1
    assert tasks.adopt_postbacks() == 0

    [row] = ApplePostback.objects.all()
    assert (row.project_id, row.app_id) == (project.pk, APP)


def test_what_was_refused_is_forgotten_after_a_quarter(app: AppleApp) -> None:
    send(skan())
    send({**skan(), "transaction-id": "forged"})
    ApplePostback.objects.update(received_at=timezone.now() - timedelta(days=91))

    tasks.forget_old()

    assert ApplePostback.objects.get().counted


def test_a_customers_own_host_says_whose_it_is(project: Project, app: AppleApp) -> None:
    other = ProjectFactory()
    Domain.objects.create(project=other, host="theirs.example", token="t", verified_at=timezone.now())
    domains.forget_cached()

    mine, theirs = send(skan()), send(skan(), HTTP_HOST="theirs.example")
    elsewhere = Client().post(f"{SKAN}more", HTTP_HOST="theirs.example")

    assert (mine.status_code, theirs.status_code, elsewhere.status_code) == (200, 200, 404)
    assert set(ApplePostback.objects.values_list("project_id", "counted")) == {(project.pk, True), (other.pk, True)}
    [seen] = apps.unnamed(other)
    assert (seen.app_id, seen.postbacks) == (APP, 1)


def test_an_app_belongs_to_one_project(project: Project, app: AppleApp) -> None:
    with pytest.raises(apps.AppTaken):
        apps.add(ProjectFactory(), APP)

    assert apps.add(project, APP)[0] == app


def test_one_address_cannot_flood(app: AppleApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receiving, "A_MINUTE", 2)

    answers = [send(skan(transaction_id=f"t{n}")).status_code for n in range(4)]

    assert answers == [200, 200, 429, 429]
    assert send(skan(), REMOTE_ADDR="192.0.2.7").status_code == 200


def test_what_nobody_signed_is_kept_up_to_a_number_a_day_and_the_proved_goes_on(
    app: AppleApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receiving, "UNPROVED_A_DAY", 1)

    answers = [send({**skan(), "transaction-id": f"forged{n}"}).status_code for n in range(3)]

    assert answers == [200, 429, 429]
    assert send(skan()).status_code == 200
    assert ApplePostback.objects.filter(counted=True).count() == 1
