"""The pages of SKAN: the overview beside our own numbers, postbacks, console, schemas, apps; and who may what."""

import csv
import html
import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from attribution.models import AppleApp, ApplePostback, ConversionSchema
from attribution.skan import examples, judging, queries, receiving
from customers.models import Member, Project
from tests.attribution.conftest import decided
from tests.attribution.factories import TouchFactory
from tests.attribution.skan_rows import ours, public, skan
from tests.factories import MemberFactory, ProjectFactory

PAGE = "/dashboard/acme/skan/"
APP = 525463029

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    ours(monkeypatch)


def take(project: Project, *, at: datetime | None = None, origin: str = "device", **fields: Any) -> ApplePostback:
    body = {"transaction_id": f"t-{ApplePostback.objects.count()}", **fields}
    at = at or timezone.now() - timedelta(hours=3)
    return receiving.take(orjson.dumps(skan(**body)), now=at, project_id=project.pk, origin=origin).postback


def schema(project: Project, day: str = "2020-01-01", label: str = "Trial", revenue: str = "2.50") -> ConversionSchema:
    return ConversionSchema.objects.create(
        project=project, valid_from=day, currency=project.currency,
        fine=[{"value": 3, "label": label, "event": "Trial Started", "revenue": revenue}],
        coarse=[{"sequence": 1, "value": "high", "label": "Paid", "event": "", "revenue": "10"}],
    )  # fmt: skip


def text_of(answer: Any) -> str:
    """Return what a page says, without its marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


@pytest.mark.parametrize("place", ["", "postbacks/"])
def test_before_the_first_postback_the_page_says_how_to_get_one(viewer: Client, project: Project, place: str) -> None:
    answer = viewer.get(PAGE + place)

    assert answer.status_code == 200
    assert "No postback of Apple has arrived yet" in text_of(answer)
    assert "/.well-known/skadnetwork/report-attribution/" in text_of(answer)


def test_the_example_of_the_first_page_is_valid(
    viewer: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # Apple's own key again
    page = html.unescape(viewer.get(PAGE).content.decode())
    [body] = re.findall(r'\{\s*"version".*?\}', re.sub(r"<[^>]+>", "", page), re.DOTALL)

    assert judging.judge(body).state == "valid"


def test_the_overview_counts_by_network_beside_the_installs_of_our_rules(editor: Client, project: Project) -> None:
    schema(project)
    take(project, conversion_value=3)
    take(project, conversion_value=9)
    take(project, redownload=True)
    take(project, postback_sequence_index=1, coarse_conversion_value="high")
    take(project, did_win=False)
    take(project, ad_network_id="abc.skadnetwork")
    take(project, source_app_id=0)
    now = timezone.now()
    TouchFactory(project=project, touch_id="tap", source="tiktok", ts=now - timedelta(hours=3))
    decided(project, at=now - timedelta(hours=2), click_id="tap", os_name="ios")
    decided(project, "m-2", at=now - timedelta(hours=2), os_name="ios")

    answer = editor.get(PAGE)

    rows = {one["words"]: one for one in answer.context["rows"]}
    tiktok = rows["TikTok / Pangle"]["told"]
    assert set(rows) == {"TikTok / Pangle", "abc.skadnetwork"}
    assert (tiktok.installs, tiktok.redownloads, tiktok.second, tiktok.lost, tiktok.valued) == (2, 1, 1, 1, 2)
    assert tiktok.revenue == Decimal("12.5")
    assert tiktok.meanings == {"Trial": 1, "Value without a meaning": 1, "No value": 1, "Paid": 1}
    assert (rows["TikTok / Pangle"]["row"].ours, rows["abc.skadnetwork"]["row"].ours) == (1, 0)
    assert "Not authenticated" in text_of(answer)
    assert [kpi.value for kpi in answer.context["kpis"]][:3] == ["3", "1", "1"]
    assert answer.context["states"]["tests"] == 1


@pytest.mark.parametrize("by", queries.DIMENSIONS)
def test_it_can_be_cut_every_way_and_downloaded(editor: Client, project: Project, by: str) -> None:
    take(project, conversion_value=3)

    shown = editor.get(PAGE, {"by": by, "sort": "-revenue", "q": ""})
    lines = b"".join(editor.get(PAGE, {"by": by, "format": "csv"}).streaming_content).decode()  # type: ignore[attr-defined]

    assert shown.status_code == 200
    [row] = csv.DictReader(lines.splitlines())
    assert (row["installs"], row["with_value"]) == ("1", "1")


def test_filters_lead_down_and_can_be_removed(editor: Client, project: Project) -> None:
    take(project)
    take(project, source_identifier="77", ad_network_id="238da6jt44.skadnetwork")
    take(project, ad_network_id="abc.skadnetwork")

    network = editor.get(PAGE, {"network": "tiktok"})
    unknown = editor.get(PAGE, {"network": "abc.skadnetwork", "campaign": "5239", "by": "day"})
    nothing = editor.get(PAGE, {"network": "meta"})

    assert {one["words"] for one in network.context["rows"]} == {"5239", "77"}
    assert network.context["chips"][0]["clear"] == "?"
    assert unknown.context["total"].installs == 1
    assert nothing.context["total"].installs == 0
    assert "No postback of a won install" in text_of(nothing)


def test_old_values_keep_the_meaning_they_had(editor: Client, project: Project) -> None:
    now = timezone.now()
    schema(project)
    schema(project, str((now - timedelta(days=5)).date()), "Order", "9")
    old = take(project, at=now - timedelta(days=10), conversion_value=3)
    new = take(project, at=now - timedelta(hours=1), conversion_value=3)

    assert editor.get(PAGE).context["total"].meanings == {"Trial": 1, "Order": 1}
    assert "means Trial" in text_of(editor.get(f"{PAGE}postbacks/{old.pk}/"))
    assert "means Order" in text_of(editor.get(f"{PAGE}postbacks/{new.pk}/"))


def test_revenue_in_another_currency_is_shown_apart(editor: Client, project: Project) -> None:
    schema(project)
    ConversionSchema.objects.update(currency="JPY")
    take(project, conversion_value=3)

    total = editor.get(PAGE).context["total"]

    assert (total.revenue, total.unpriced) == (Decimal(0), 1)


def test_the_list_is_searched_filtered_sorted_and_downloaded(editor: Client, project: Project) -> None:
    good = take(project, conversion_value=3)
    receiving.take(orjson.dumps({**skan(), "app-id": 9}), now=timezone.now(), project_id=project.pk)
    take(project, source_app_id=0)
    take(project, transaction_id=good.transaction_id, conversion_value=60)

    def number(**query: str) -> int:
        return editor.get(f"{PAGE}postbacks/", query).context["number"]

    states = ("counted", "repeated", "conflict", "test", "invalid", "unverifiable")
    assert [number(state=state) for state in states] == [1, 1, 1, 1, 1, 0]
    assert (number(q=good.transaction_id), number(q="pangle"), number(q="id9"), number(q="5239")) == (2, 4, 1, 4)
    assert (number(kind="aak"), number(origin="network"), number(q="\x00'")) == (0, 0, 0)
    lines = b"".join(editor.get(f"{PAGE}postbacks/", {"format": "csv"}).streaming_content).decode()  # type: ignore[attr-defined]
    assert len(list(csv.DictReader(lines.splitlines()))) == 4
    assert editor.get(f"{PAGE}postbacks/", {"sort": "network"}, HTTP_HX_REQUEST="true").status_code == 200


def test_a_postbacks_page_tells_signed_from_not_signed_and_names_other_copies(editor: Client, project: Project) -> None:
    first = take(project, conversion_value=3)
    second = take(project, transaction_id=first.transaction_id, conversion_value=60, origin="network")

    said = text_of(editor.get(f"{PAGE}postbacks/{second.pk}/"))

    assert "conversion-value 60 Not authenticated" in said
    assert "app-id 525463029 Signed" in said
    assert "It contradicts another copy" in said
    assert "Other copies of it" in said


def test_the_console_refuses_every_tampered_postback_and_takes_apples(
    editor: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # Apple's own key again
    for row in public("skadnetwork_tampered"):
        answer = editor.post(f"{PAGE}console/", {"text": orjson.dumps(row["postback"]).decode()})
        assert "The signature does not fit" in text_of(answer), row["tampered_field"]
    for row in public("skadnetwork"):
        answer = editor.post(f"{PAGE}console/", {"text": orjson.dumps(row["postback"]).decode()})
        assert "every signed field is as Apple sent it" in text_of(answer)

    assert not ApplePostback.objects.exists()


@pytest.mark.parametrize("name", examples.ALL)
def test_each_example_ends_as_it_says(
    viewer: Client, project: Project, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # Apple's own key again

    answer = viewer.get(f"{PAGE}console/", {"example": name})

    assert (answer.context["verdict"].state == "valid") is examples.ALL[name].valid
    assert html.escape(answer.context["verdict"].key) in answer.content.decode()


@pytest.mark.parametrize(
    ("text", "says"), [("%", "It is not JSON"), ("[]", "no JSON object"), ("x" * 70_000, "at most 64 KB"), ("", "")]
)
def test_the_console_says_what_is_wrong_with_anything(viewer: Client, project: Project, text: str, says: str) -> None:
    answer = viewer.post(f"{PAGE}console/", {"text": text}, HTTP_HX_REQUEST="true")

    assert answer.status_code == 200
    assert says in text_of(answer)


def filled(**values: str) -> dict[str, str]:
    return {"valid_from": "2026-11-01", "currency": "EUR", "app": "", **values}


def test_a_schema_is_made_from_its_lines(editor: Client, project: Project) -> None:
    app = AppleApp.objects.create(project=project, app_id=APP)
    body = filled(
        **{"fine.3.label": "Trial", "fine.3.revenue": "2,50", "coarse.1.high.label": "Paid", "app": str(app.pk)}
    )

    answer = editor.post(f"{PAGE}schemas/create/", body)

    row = ConversionSchema.objects.get()
    assert answer.status_code == 302
    assert (row.app, row.fine, row.created_by is not None) == (
        app, [{"value": 3, "label": "Trial", "event": "", "revenue": "2.50"}], True,
    )  # fmt: skip
    assert row.coarse == [{"sequence": 1, "value": "high", "label": "Paid", "event": "", "revenue": None}]
    assert "In force" in text_of(editor.get(f"{PAGE}schemas/"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"fine.3.revenue": "much"}, "Give an amount"),
        ({"fine.3.label": ""}, "Give at least one value a meaning"),
        ({"valid_from": "2026-02-31"}, "Give a day"),
        ({"currency": "EURO"}, "three letters"),
        ({"app": "999"}, "This project has no such app"),
    ],
)
def test_what_is_wrong_stands_beside_its_line_and_nothing_is_lost(
    editor: Client, project: Project, change: dict[str, str], says: str
) -> None:
    answer = editor.post(f"{PAGE}schemas/create/", filled(**{"fine.3.label": "Trial", **change}))

    assert answer.status_code == 422
    assert says in text_of(answer)
    assert all(f'value="{value}"' in answer.content.decode() for value in change.values() if value not in {"", "999"})
    assert not ConversionSchema.objects.exists()


def test_a_range_is_filled_in_even_steps_and_not_saved_yet(editor: Client, project: Project) -> None:
    fill = {"fill": "1", "fill_span": "10-12", "fill_label": "Order", "fill_low": "1", "fill_high": "3"}

    page = editor.post(f"{PAGE}schemas/create/", filled(**fill), HTTP_HX_REQUEST="true")
    wrong = editor.post(f"{PAGE}schemas/create/", filled(fill="1", fill_span="70"))

    lines = {line.name: (line.label, line.revenue) for line in page.context["editor"].fine}
    assert [lines[f"fine.{value}"] for value in (9, 10, 11, 12)] == [
        ("", ""), ("Order", "1.00"), ("Order", "2.00"), ("Order", "3.00"),
    ]  # fmt: skip
    assert "3 values filled in" in text_of(page)
    assert "a range such as 10-19" in text_of(wrong)
    assert not ConversionSchema.objects.exists()


def test_a_copy_begins_today_and_a_correction_keeps_its_day(editor: Client, project: Project) -> None:
    old = schema(project)

    copy = editor.get(f"{PAGE}schemas/create/", {"copy": str(old.pk)})
    same = editor.get(f"{PAGE}schemas/{old.pk}/")
    taken = editor.post(f"{PAGE}schemas/create/", filled(**{"valid_from": "2020-01-01", "fine.1.label": "x"}))

    assert (copy.context["editor"].valid_from, same.context["editor"].valid_from) != ("2020-01-01", "2020-01-01")
    assert same.context["editor"].valid_from == "2020-01-01"
    assert copy.context["editor"].fine[3].label == "Trial"
    assert "has a schema from this day on already" in text_of(taken)
    assert editor.post(f"{PAGE}schemas/{old.pk}/", filled(**{"fine.3.label": "Test"})).status_code == 302
    assert ConversionSchema.objects.get().fine[0]["label"] == "Test"


def test_a_deleted_schema_comes_back(editor: Client, project: Project) -> None:
    row = schema(project)

    answer = editor.post(f"{PAGE}schemas/{row.pk}/delete/", follow=True)
    assert not ConversionSchema.objects.exists()
    [message] = answer.context["messages"]
    editor.post(message.extra_tags.removeprefix("undo:"))

    assert ConversionSchema.objects.get().fine == row.fine
    assert "can’t be undone" in text_of(editor.post(f"{PAGE}schemas/undo/x/", follow=True))


@pytest.fixture
def manager(project: Project) -> Client:
    client = Client()
    client.force_login(MemberFactory(organization=project.organization, role=Member.Role.ADMIN).user)
    return client


def test_only_a_manager_names_apps(editor: Client, project: Project) -> None:
    assert editor.post(f"{PAGE}apps/create/", {"app_id": str(APP)}).status_code == 403


def test_a_manager_names_changes_and_removes_an_app(manager: Client, project: Project) -> None:
    receiving.take(orjson.dumps(skan()), now=timezone.now())

    made = manager.post(
        f"{PAGE}apps/create/",
        {"app_id": f"https://apps.apple.com/de/app/acme/id{APP}?l=en", "name": "Acme"},
        follow=True,
    )
    app = AppleApp.objects.get()
    assert "One postback was waiting for it" in text_of(made)
    assert ApplePostback.objects.get().counted

    manager.post(f"{PAGE}apps/{app.pk}/", {"sandbox": "1"})
    app.refresh_from_db()
    assert (app.sandbox, app.name) == (True, "Acme")
    manager.post(f"{PAGE}apps/{app.pk}/remove/", {"confirm": "no"})
    assert AppleApp.objects.exists()
    manager.post(f"{PAGE}apps/{app.pk}/remove/", {"confirm": str(APP)})
    assert not AppleApp.objects.exists()
    assert "Postbacks came for these too" in text_of(manager.get(f"{PAGE}apps/"))


@pytest.mark.parametrize("app_id", ["", "acme", "0", "9" * 30, "-5"])
def test_what_is_no_app_id_is_refused_beside_its_field(manager: Client, project: Project, app_id: str) -> None:
    answer = manager.post(f"{PAGE}apps/create/", {"app_id": app_id})

    assert answer.status_code == 422
    assert not AppleApp.objects.exists()


def test_an_app_of_another_project_is_not_taken_away(manager: Client, project: Project) -> None:
    AppleApp.objects.create(project=ProjectFactory(), app_id=APP)

    answer = manager.post(f"{PAGE}apps/create/", {"app_id": str(APP)})

    assert "another project has named this app" in text_of(answer)


def test_a_viewer_looks_and_does_not_change(viewer: Client, project: Project) -> None:
    row = schema(project)

    assert viewer.get(f"{PAGE}schemas/").status_code == viewer.get(f"{PAGE}apps/").status_code == 200
    assert viewer.post(f"{PAGE}schemas/{row.pk}/delete/").status_code == 403
    assert viewer.get(f"{PAGE}schemas/create/").status_code == 403


def test_the_demos_postbacks_say_that_apple_signed_none_of_them(editor: Client, project: Project) -> None:
    row = take(project)
    ApplePostback.objects.update(key=examples.KEY, raw='{"example": "made up"}')

    assert "Apple signed none of them" in text_of(editor.get(f"{PAGE}postbacks/{row.pk}/"))
