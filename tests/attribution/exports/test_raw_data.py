"""Raw data of every kind is what is stored: each row once, under the right columns, for its own project alone."""

import csv
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from attribution.exports import appsflyer, reading, streaming
from attribution.exports.kinds import KINDS
from attribution.exports.reading import Asked
from attribution.models import AppleApp, ApplePostback, Conversion, Destination, FraudFlag, Postback, Touch
from customers.models import Project
from events import services as events
from events.models import Rejected, Segment
from events.segments import files, sealing
from tests.analytics.stories import _digested
from tests.attribution.conftest import Api
from tests.attribution.exports.conftest import lines, table, told
from tests.attribution.factories import NOON
from tests.factories import ProjectFactory

SAMPLE = Path(__file__).parents[4] / "shared/data/appsflyer_raw_export/installs_and_events_sample.csv"


def body(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def fetched(api: Api, path: str) -> list[dict[str, str]]:
    return lines(body(api("GET", path)))


def send(project: Project, number: int, **more: Any) -> None:
    calls = [
        {
            "type": "track",
            "event": "Level Won",
            "anonymousId": f"anon-{n % 3}",
            "messageId": f"e-{more.get('begin', 0) + n}",
            "timestamp": (NOON + timedelta(hours=n)).isoformat(),
            "properties": {"revenue": 9.99, "currency": "USD", "words": 'say "hi", \nyou'},
            "context": {"app": {"namespace": "com.acme"}, "ip": "198.51.100.9"},
        }
        for n in range(number)
    ]
    assert not events.record(project.pk, calls).refused
    _digested()


def test_touches_are_sent_as_they_are_stored(project: Project, api: Api) -> None:
    told(project)
    told(ProjectFactory())

    rows = {row["touch_id"]: row for row in fetched(api, "/v1/export/touches.csv")}

    assert set(rows) == {"won", "lost"}
    assert list(rows["won"]) == [column.name for column in KINDS["touches"].columns]
    won = rows["won"]
    assert (won["campaign"], won["ip"], won["flags"]) == ('=cmd|"x",1', "198.51.100.7", "click_datacenter")
    assert (won["params"], won["link"], won["bot"]) == ('{"sub1": "a"}', f"winter-{project.pk}", "false")
    assert won["ts"] == "2026-11-10 11:57:00.000000Z"
    assert rows["lost"]["campaign"] == "Brand\nlook"


def test_parquet_has_types_and_says_what_its_columns_mean(project: Project, api: Api) -> None:
    told(project)

    found = table(body(api("GET", "/v1/export/touches.parquet")))

    assert found.num_rows == 2
    assert str(found.schema.field("ts").type) == "timestamp[us, tz=UTC]"
    assert found.schema.field("source").metadata[b"means"] == b"Who showed the ad"
    assert {value.astimezone(UTC) for value in found["received_at"].to_pylist()} == {
        NOON - timedelta(minutes=3) - timedelta(0), NOON - timedelta(minutes=10),
    }  # fmt: skip


def test_only_for_a_spreadsheet_formulas_are_defused_and_the_name_says_so(project: Project, api: Api) -> None:
    told(project)

    answer = api("GET", "/v1/export/touches.csv?spreadsheet=1")

    assert {row["campaign"] for row in lines(body(answer))} == {'\'=cmd|"x",1', "Brand\nlook"}
    assert "acme-touches-spreadsheet.csv" in answer["Content-Disposition"]


def test_installs_and_decisions_say_what_was_credited(project: Project, api: Api) -> None:
    decision = told(project)

    [install] = fetched(api, "/v1/export/installs.csv")
    [decided] = fetched(api, "/v1/export/decisions.csv?source=tiktok")

    assert (install["source"], install["touch_id"], install["decision_id"]) == ("tiktok", "won", f"dec_{decision.pk}")
    assert (decided["install_message_id"], decided["touch_id"], decided["rules_version"]) == ("m-1", "won", "1")
    assert fetched(api, "/v1/export/decisions.csv?source=meta") == []


def test_fraud_has_findings_about_installs_touches_and_sources(project: Project, api: Api) -> None:
    decision = told(project)
    decision.candidates.filter(touch__touch_id="lost").update(fraud=[{"code": "ua_bot", "action": "block"}])
    FraudFlag.objects.create(
        project=project, code="ctit_flat", source="shady", since=NOON, evidence={"value": 0.1, "threshold": 0.4}
    )

    rows = {row["about"]: row for row in fetched(api, "/v1/export/fraud.csv")}

    assert (rows["install"]["code"], rows["install"]["value"], rows["install"]["source"]) == (
        "ctit_quick",
        "4",
        "tiktok",
    )
    assert (rows["touch"]["code"], rows["touch"]["touch_id"], rows["touch"]["source"]) == ("ua_bot", "lost", "meta")
    assert (rows["source"]["code"], rows["source"]["threshold"]) == ("ctit_flat", "0.4")


def test_postbacks_of_both_directions_conversions_and_refusals_are_there(project: Project, api: Api) -> None:
    decision = told(project)
    destination = Destination.objects.create(
        project=project, kind="webhook", name="CRM", url="https://crm.example", headers={"X-Key": "hidden"}
    )
    Conversion.objects.create(
        project=project, message_id="c-1", distinct_id="anon-1", name="Order Completed", ts=NOON, received_at=NOON,
        revenue="12.5", currency="EUR", install=decision.install,
    )  # fmt: skip
    Postback.objects.create(
        project=project, destination=destination, idempotency_key="k", news="install", decision=decision,
        method="POST", url="https://crm.example", headers={"X-Key": "hidden"}, body="{}",
    )  # fmt: skip
    AppleApp.objects.create(project=project, app_id=525463029)
    ApplePostback.objects.create(
        project=project, kind="skan", state="valid", digest="d", raw="{}", app_id=525463029, transaction_id="t-1"
    )
    events.record(project.pk, [{"type": "track", "messageId": "broken"}])

    [conversion] = fetched(api, "/v1/export/conversions.csv")
    [sent] = fetched(api, "/v1/export/postbacks.csv")
    [apple] = fetched(api, "/v1/export/apple_postbacks.csv")
    [refused] = fetched(api, "/v1/export/rejected.csv")

    assert (conversion["revenue"], conversion["source"]) == ("12.5000", "tiktok")
    assert (sent["destination"], sent["decision_id"]) == ("CRM", f"dec_{decision.pk}")
    assert "hidden" not in str(sent)
    assert (apple["transaction_id"], apple["app_id"]) == ("t-1", "525463029")
    assert refused["code"] == Rejected.objects.get(project=project).code


def test_events_come_once_whether_they_are_sealed_or_hot(project: Project, api: Api) -> None:
    send(project, 5)
    sealing.seal(project.pk)
    send(project, 4, begin=5)
    events.record(ProjectFactory().pk, [{"type": "track", "event": "Theirs", "userId": "x", "messageId": "e-0"}])
    _digested()

    rows = fetched(api, "/v1/export/events.csv")

    assert sorted(row["message_id"] for row in rows) == [f"e-{n}" for n in range(9)]
    assert {row["ip"] for row in rows} == {"198.51.100.9"}
    assert rows[0]["properties"] == '{"words": "say \\"hi\\", \\nyou", "revenue": 9.99, "currency": "USD"}'
    assert all(row["claimed_at"] and row["person"] for row in rows)


def test_events_are_cut_by_time_by_arrival_and_by_name(project: Project, api: Api) -> None:
    send(project, 6)
    sealing.seal(project.pk)
    send(project, 6, begin=6)
    until = (NOON + timedelta(hours=2)).isoformat().replace("+", "%2B")
    tomorrow = (timezone.now() + timedelta(days=1)).date()

    assert len(fetched(api, f"/v1/export/events.csv?to={until}")) == 4
    assert len(fetched(api, f"/v1/export/events.csv?by=arrival&to={tomorrow}")) == 12
    assert fetched(api, f"/v1/export/events.csv?by=arrival&from={tomorrow}") == []
    assert fetched(api, "/v1/export/events.csv?names=Other") == []
    assert len(fetched(api, "/v1/export/events.csv?names=Other,Level%20Won")) == 12


def test_a_sealed_file_that_is_lost_is_a_refusal_and_not_a_smaller_file(project: Project, api: Api) -> None:
    send(project, 5)
    sealing.seal(project.pk)
    files.store().remove(Segment.objects.get(project=project).path)

    answer = api("GET", "/v1/export/events.csv")

    assert (answer.status_code, answer.json()["code"]) == (503, "files_missing")
    assert streaming._free.acquire(blocking=False)
    streaming._free.release()


def test_installs_under_appsflyers_names_are_its_columns_in_its_order(project: Project, api: Api) -> None:
    told(project)

    [row] = fetched(api, "/v1/export/installs.csv?columns=appsflyer")

    assert tuple(row) == appsflyer.COLUMNS
    assert len(row) == 81
    expected = {
        "Attributed Touch Type": "click", "Attributed Touch Time": "2026-11-10 11:57:00",
        "Install Time": "2026-11-10 12:00:00", "Event Name": "install", "Media Source": "tiktok", "IDFA": "idfa-1",
        "IDFV": "idfv-1", "Advertising ID": "", "Customer User ID": "u-1", "Country Code": "DE", "Sub Param 1": "a",
        "Contributor 1 Media Source": "meta", "Contributor 1 Touch Type": "impression",
        "Contributor 2 Media Source": "", "Is Retargeting": "false",
    }  # fmt: skip
    assert {name: row[name] for name in expected} == expected


@pytest.mark.skipif(not SAMPLE.exists(), reason="The sample lies beside the repository.")
def test_the_names_are_those_of_a_real_report() -> None:
    with SAMPLE.open(newline="") as file:
        assert tuple(next(csv.reader(file))) == appsflyer.COLUMNS


def test_events_under_appsflyers_names_carry_what_their_install_was_credited_to(project: Project, api: Api) -> None:
    told(project)
    send(project, 1)
    calls = [
        {
            "type": "track", "event": "Purchase", "anonymousId": "anon-1", "messageId": "p-1",
            "timestamp": (NOON + timedelta(hours=1)).isoformat(),
            "context": {"vendor": {"dialect": "appsflyer", "event": "af_purchase"}, "os": {"name": "iOS"}},
            "properties": {"revenue": 5, "currency": "EUR"},
        },
        {
            "type": "track", "event": "Too Early", "anonymousId": "anon-1", "messageId": "p-0",
            "timestamp": (NOON - timedelta(hours=1)).isoformat(),
        },
    ]  # fmt: skip
    events.record(project.pk, calls)
    _digested()

    rows = {row["Event Name"]: row for row in fetched(api, "/v1/export/events.csv?columns=appsflyer")}

    bought = rows["af_purchase"]
    assert tuple(bought) == appsflyer.COLUMNS
    assert (bought["Media Source"], bought["Install Time"]) == ("tiktok", "2026-11-10 12:00:00")
    assert (bought["Event Revenue"], bought["Event Revenue Currency"], bought["Event Revenue USD"]) == ("5", "EUR", "")
    assert (bought["Platform"], bought["AppsFlyer ID"]) == ("ios", "idfv-1")
    assert rows["Too Early"]["Media Source"] == ""
    assert rows["Level Won"]["Event Revenue USD"] == "9.99"


def test_addresses_that_were_blanked_stay_blank(project: Project, api: Api) -> None:
    told(project)
    Touch.objects.filter(project=project).update(ip=None, user_agent="")

    assert {row["ip"] for row in fetched(api, "/v1/export/touches.csv")} == {""}


REFUSED = {
    "/v1/export/nothing.csv": (404, "not_found"),
    "/v1/export/touches.xlsx": (404, "not_found"),
    "/v1/export/touches.csv?from=yesterday": (400, "invalid_field"),
    "/v1/export/touches.csv?from=2026-11-02&to=2026-11-01": (400, "invalid_field"),
    "/v1/export/touches.csv?columns=appsflyer": (400, "invalid_field"),
    "/v1/export/touches.csv?names=x": (400, "invalid_field"),
    "/v1/export/rejected.csv?source=meta": (400, "invalid_field"),
    "/v1/export/touches.parquet?spreadsheet=1": (400, "invalid_field"),
    "/v1/export/touches.csv?by=chance": (400, "invalid_field"),
}


def test_what_can_not_be_asked_is_refused_by_name(api: Api) -> None:
    answers = {path: api("GET", path) for path in REFUSED}

    assert {path: (answer.status_code, answer.json()["code"]) for path, answer in answers.items()} == REFUSED


def test_a_third_reader_at_once_is_asked_to_wait(project: Project, api: Api) -> None:
    told(project)
    first, second = api("GET", "/v1/export/touches.csv"), api("GET", "/v1/export/touches.csv")

    third = api("GET", "/v1/export/touches.csv")
    for one in (first, second):
        one.close()

    assert (third.status_code, third.json()["code"], third["Retry-After"]) == (429, "export_busy", "30")
    assert len(fetched(api, "/v1/export/touches.csv")) == 2


def test_a_write_key_reads_nothing(api: Api) -> None:
    assert api("GET", "/v1/export/touches.csv", key="").status_code == 401


def test_every_row_is_read_once_across_many_batches(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    send(project, 50)
    sealing.seal(project.pk)
    monkeypatch.setattr("events.raw.BATCH_ROWS", 8)

    with reading.opened(project, Asked("events")) as rows:
        found = [one for batch in rows.batches for one in batch["message_id"].to_pylist()]

    assert sorted(found) == sorted(f"e-{n}" for n in range(50))
