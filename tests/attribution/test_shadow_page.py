"""The page Side by side, its imports and its API: one report, shown alike."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from attribution.models import VendorImport, VendorName, VendorNumber
from customers.models import Project
from events.models import VendorApp
from tests.attribution.conftest import Api
from tests.attribution.factories import NOON
from tests.attribution.test_counting import decision
from tests.attribution.test_shadow_report import told
from tests.factories import ApiKeyFactory, MemberFactory

PAGE = "/dashboard/acme/shadow/"
DAY = NOON.date()
REPORT = f"""Date,Media Source (pid),Campaign (c),Installs
{DAY},tiktok_int,Winter sale,3
{DAY},Organic,None,2
soon,tiktok_int,Winter sale,3
"""


@pytest.fixture(autouse=True)
def _a_day_later() -> Iterator[None]:
    with time_machine.travel(NOON + timedelta(hours=20), tick=False):
        yield


@pytest.fixture
def counted(project: Project) -> None:
    decision(project)
    decision(project)
    decision(project, tier="organic", source="organic", campaign="")
    told(project, f"{DAY},tiktok_int,Winter sale,3,", f"{DAY},meta,LAL,1,", f"{DAY},Organic,,1,", zone="Europe/Berlin")


def text_of(answer: Any) -> str:
    return b"".join(answer.streaming_content).decode() if answer.streaming else answer.content.decode()


def test_the_page_says_how_equal_both_counts_are_and_where_not(editor: Client, counted: None) -> None:
    answer = editor.get(PAGE)

    assert "60.0% equal over 1 day" in answer.content.decode()
    assert [(one.words, one.row.difference) for one in answer.context["lines"]] == [
        ("Winter sale", 1), ("LAL", 1), ("Organic", 0)
    ]  # fmt: skip
    assert answer.context["figure"]
    assert answer.context["total"].difference == 2


def test_a_campaign_leads_to_its_days_and_a_day_to_its_installs(editor: Client, counted: None) -> None:
    [sale, *_] = editor.get(PAGE).context["lines"]

    days = editor.get(f"{PAGE}{sale.url}")
    [day] = days.context["lines"]
    campaigns = editor.get(f"{PAGE}{day.url}")
    [line] = campaigns.context["lines"]

    assert (day.day, day.row.theirs.installs) == (DAY, 3)
    assert line.words == "Winter sale"
    assert editor.get(line.url).status_code == 200


def test_page_file_and_api_say_the_same(editor: Client, counted: None, api: Api, project: Project) -> None:
    api.key = _key(project)
    said = api("GET", f"/v1/metrics/shadow?from={DAY}&to={DAY}").json()
    lines = text_of(editor.get(f"{PAGE}?format=csv")).splitlines()

    assert said["verdict"]["sentence"] == editor.get(PAGE).context["verdict"]
    assert (said["total"]["theirs"], said["total"]["ours"], said["total"]["difference"]) == (5, 3, 2)
    assert said["rows"][0] | {"reasons": []} == {
        "source": "tiktok", "campaign": "Winter sale", "theirs": 3, "ours": 2, "oursByTheirDays": 2, "difference": 1,
        "unexplained": 1, "reasons": [], "revenueTheirs": None, "revenueOurs": "0", "revenueUnmapped": "0",
    }  # fmt: skip
    assert len(lines) == 4
    assert lines[3].startswith(f"{DAY},tiktok,Winter sale,3,2,2,1,1,")


def _key(project: Project) -> str:
    return str(ApiKeyFactory(project=project).text)


@pytest.mark.parametrize(
    ("query", "field"),
    [("by=hour", "by"), ("vendor=kochava", "vendor"), ("clickDays=91", "clickDays"), ("from=2026-01-01", "to")],
)
def test_the_api_names_the_parameter_that_is_wrong(api: Api, query: str, field: str) -> None:
    told(api.project, f"{DAY},meta,A,1,")

    answer = api("GET", f"/v1/metrics/shadow?{query}")

    assert answer.status_code == 400
    assert answer.json()["detail"][0]["field"] == field


def test_without_numbers_page_and_api_say_how_they_come(editor: Client, project: Project, api: Api) -> None:
    assert "Import numbers" in editor.get(PAGE).content.decode()
    assert api("GET", "/v1/metrics/shadow").json()["code"] == "no_numbers"


def test_numbers_come_by_the_api_and_each_wrong_row_is_named(api: Api) -> None:
    body = {
        "vendor": "adjust",
        "timeZone": "Europe/Berlin",
        "rows": [
            {"day": f"{DAY}", "source": "Facebook", "campaign": "A", "installs": 5, "clicks": "1,200"},
            {"day": "soon", "source": "Facebook", "installs": 5},
            {"day": f"{DAY}", "source": "Facebook"},
            "no object",
        ],
    }

    answer = api("POST", "/v1/vendor-numbers", body)

    said = answer.json()
    assert answer.status_code == 200, said
    assert (said["added"], said["sources"]) == (1, {"Facebook": "meta"})
    assert [(one["index"], one["code"]) for one in said["refused"]] == [
        (1, "invalid_day"), (2, "missing_numbers"), (3, "invalid_row")
    ]  # fmt: skip
    assert api("POST", "/v1/vendor-numbers", body).json()["unchanged"] == 1
    assert VendorNumber.objects.get().clicks == 1200


@pytest.mark.parametrize(
    "wrong", [{"vendor": "nobody"}, {"timeZone": "Mars/Base"}, {"rows": []}, {"rows": "no list"}, {"vendor": None}]
)
def test_what_is_wrong_about_the_whole_is_a_400(api: Api, wrong: dict[str, Any]) -> None:
    body = {"vendor": "adjust", "rows": [{"day": f"{DAY}", "source": "a", "installs": 1}], **wrong}

    assert api("POST", "/v1/vendor-numbers", body).status_code == 400
    assert not VendorNumber.objects.exists()


def upload(client: Client, content: str = REPORT, **fields: str) -> Any:
    file = SimpleUploadedFile("report.csv", content.encode())
    return client.post(f"{PAGE}imports/numbers/", {"vendor": "appsflyer", "time_zone": "UTC", "file": file, **fields})


def test_a_file_is_looked_at_first_and_taken_on_a_word(editor: Client, project: Project) -> None:
    looked = upload(editor)

    assert looked.status_code == 200
    assert looked.context["sums"].installs == 5
    assert [row["code"] for row in looked.context["wrong"]] == ["invalid_day"]
    assert not VendorNumber.objects.exists()

    chosen = {f"map-{field}": column for field, column in looked.context["mapping"].items()}
    again = {"text": looked.context["text"], "name": "report.csv", "vendor": "appsflyer", "time_zone": "UTC", **chosen}
    taken = editor.post(f"{PAGE}imports/numbers/", {**again, "take": "1"}, follow=True)

    assert "Numbers kept: 2 new." in taken.content.decode()
    made = VendorImport.objects.get()
    assert (made.name, made.rows, made.refused, made.time_zone) == ("report.csv", 3, 1, "UTC")
    shown = editor.get(f"{PAGE}imports/{made.pk}/")
    assert "is no day like" in shown.content.decode()
    assert "invalid_day" in text_of(editor.get(f"{PAGE}imports/{made.pk}/?format=csv"))
    assert "report.csv" in editor.get(f"{PAGE}imports/").content.decode()


def test_columns_that_nobody_could_guess_are_chosen(editor: Client, project: Project) -> None:
    content = f"when,who,how many\n{DAY},meta,4\n"
    looked = upload(editor, content)
    assert looked.status_code == 422
    assert looked.context["lacking"] == ["Day", "Source", "Installs"]

    chosen = {"map-day": "when", "map-source": "who", "map-installs": "how many", "take": "1"}
    editor.post(
        f"{PAGE}imports/numbers/",
        {"text": looked.context["text"], "name": "x.csv", "vendor": "adjust", "time_zone": "UTC", **chosen},
    )

    assert VendorNumber.objects.get().installs == 4


@pytest.mark.parametrize(
    ("content", "fields", "says"),
    [
        ("", {}, "empty"),
        ("date,installs\n", {}, "no rows below its head"),
        (REPORT, {"time_zone": "Moon/Crater"}, "no such time zone"),
        ("x" * 2_100_000, {}, "larger than 2 MB"),
    ],
)
def test_a_wrong_file_is_a_sentence_beside_the_field(
    editor: Client, project: Project, content: str, fields: dict[str, str], says: str
) -> None:
    answer = upload(editor, content, **fields)

    assert answer.status_code == 422
    assert says in answer.content.decode()


def test_two_names_are_said_to_be_one_and_parted_again(editor: Client, project: Project) -> None:
    decision(project)
    told(project, f"{DAY},tiktok,winter-sale,1,")
    [alias] = editor.get(PAGE).context["aliases"]
    (source, campaign), (to_source, to_campaign) = alias.theirs, alias.ours
    sent = {"vendor": "appsflyer", "source": source, "campaign": campaign, "to_source": to_source,
            "to_campaign": to_campaign}  # fmt: skip

    editor.post(f"{PAGE}names/", sent)
    assert editor.get(PAGE).context["report"].verdict.share == 1

    editor.post(f"{PAGE}names/{VendorName.objects.get().pk}/forget/")
    assert editor.get(PAGE).context["report"].verdict.share == 0


def test_copies_are_switched_on_and_off(project: Project, viewer: Client, editor: Client) -> None:
    app = VendorApp.objects.create(project=project, dialect="appsflyer", app_id="id123456789")
    owner = Client()
    owner.force_login(_owner(project))
    path = f"{PAGE}apps/{app.pk}/forward/"

    assert editor.post(path, {"on": "1"}).status_code == 403
    assert owner.post(path, {"on": "1"}).status_code == 302
    app.refresh_from_db()
    assert app.forward
    refused = owner.post(path, {"on": "1", "url": "http://127.0.0.1"}, follow=True)
    assert "not an address of the public internet" in refused.content.decode()
    owner.post(path, {})
    app.refresh_from_db()
    assert not app.forward


def _owner(project: Project) -> Any:
    return MemberFactory(organization=project.organization).user


def test_viewers_look_and_strangers_find_nothing(viewer: Client, stranger: Client, counted: None) -> None:
    assert viewer.get(PAGE).status_code == 200
    assert upload(viewer).status_code == 403
    assert viewer.post(f"{PAGE}names/", {}).status_code == 403
    assert stranger.get(PAGE).status_code == 404


def test_the_page_needs_few_queries(editor: Client, counted: None, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(32):
        editor.get(PAGE)
