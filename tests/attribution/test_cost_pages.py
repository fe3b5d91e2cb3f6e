"""The pages of cost: import with its preview, table, ages, pivot, rates, names, spend by hand; undo everywhere."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from attribution.costs import rates
from attribution.models import ExchangeRate, Spend, SpendImport, SpendName
from customers.models import Project
from tests.attribution.credit_rows import Step, convert, journey

pytestmark = pytest.mark.django_db
COST = "/dashboard/acme/cost/"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
AT = datetime(2026, 11, 10, 9, tzinfo=UTC)
ON = AT.date()
META = (
    b"Campaign name,Reporting starts,Reporting ends,Amount spent (USD),Link clicks\n"
    b"Lookalike EU,2026-11-10,2026-11-10,100.00,40\n"
    b"Lookalike EU,2026-11-01,2026-11-20,900.00,400\n"
)


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def spent(project: Project, amount: str = "100", **more: Any) -> Spend:
    fields = {"day": ON, "source": "meta", "campaign": "Lookalike EU", "currency": project.currency, **more}
    return Spend.objects.create(project=project, amount=Decimal(amount), **fields)


def sold(project: Project, amount: str = "150", **more: Any) -> None:
    convert(journey(project, [Step("meta", campaign="Lookalike EU")], at=AT, **more), amount)


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().split())


def upload(client: Client, data: bytes = META, name: str = "Ad-sets.csv") -> Any:
    return client.post(f"{COST}imports/", {"file": SimpleUploadedFile(name, data)})


def rows_of(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_without_spend_every_page_of_numbers_says_how_to_begin(editor: Client) -> None:
    for page in ("", "pivot/", "ages/", "spend/"):
        answer = editor.get(f"{COST}{page}")

        assert answer.status_code == 200
        assert "Import a file" in text(answer)
        assert "/v1/spend" in text(answer)


def test_a_report_is_looked_at_then_imported_and_counts(project: Project, editor: Client) -> None:
    sold(project)

    looked = editor.get(upload(editor).url)

    assert "1 row</b> of 10 Nov 2026" in text(looked)
    assert "1 line refused" in text(looked)
    assert "It covers 20 days" in text(looked)
    assert not project.spend.exists()
    [draft] = SpendImport.objects.all()
    done = editor.post(f"{COST}imports/{draft.pk}/take/", follow=True)
    assert "1 added, 0 replaced" in text(done)
    table = text(editor.get(COST))
    assert all(words in table for words in ("Lookalike EU", "$100.00", "150%", "$150.00"))


def test_a_changed_mapping_is_read_anew_and_kept(project: Project, editor: Client) -> None:
    draft = SpendImport.objects.get(pk=int(upload(editor, b"when,who,cost\n10.11.2026,x,5\n").url.split("/")[-2]))
    told = {"column-day": "when", "fixed-source": "Facebook Ads", "column-amount": "cost", "fixed-currency": "EUR"}

    answer = editor.post(f"{COST}imports/{draft.pk}/", told, headers={"HX-Request": "true"})

    assert answer.status_code == 200
    assert "<html" not in text(answer)
    assert "1 row</b>" in text(answer)
    editor.post(f"{COST}imports/{draft.pk}/take/")
    assert (Spend.objects.get().source, Spend.objects.get().currency) == ("meta", "EUR")


def test_a_file_that_is_no_table_says_so_beside_the_field(editor: Client) -> None:
    answer = upload(editor, b"PK\x03\x04")

    assert answer.status_code == 422
    assert "Excel file" in text(answer)


def test_an_import_is_undone_from_its_page(project: Project, editor: Client) -> None:
    pk = upload(editor).url.split("/")[-2]
    editor.post(f"{COST}imports/{pk}/take/")

    answer = editor.post(f"{COST}imports/{pk}/undo/", follow=True)

    assert "is undone" in text(answer)
    assert not project.spend.exists()


def test_refused_lines_are_a_file_before_and_after_the_import(editor: Client) -> None:
    pk = upload(editor).url.split("/")[-2]
    before = rows_of(editor.get(f"{COST}imports/{pk}/refused.csv"))
    editor.post(f"{COST}imports/{pk}/take/")
    after = rows_of(editor.get(f"{COST}imports/{pk}/refused.csv"))

    assert before == after
    assert (before[0]["row"], before[0]["code"]) == ("3", "several_days")
    assert before[0]["line"].startswith("Lookalike EU,2026-11-01,2026-11-20")


def test_a_draft_can_be_thrown_away_and_an_import_not(project: Project, editor: Client) -> None:
    first, second = (upload(editor).url.split("/")[-2] for _ in range(2))
    editor.post(f"{COST}imports/{first}/take/")

    for pk in (first, second):
        editor.post(f"{COST}imports/{pk}/discard/")

    assert [one.pk for one in SpendImport.objects.all()] == [int(first)]


def test_a_viewer_looks_but_changes_nothing(project: Project, viewer: Client) -> None:
    row = spent(project)
    for page in ("", "pivot/", "ages/", "spend/", "imports/", "rates/", "unmatched/"):
        assert viewer.get(f"{COST}{page}").status_code == 200

    refused = [
        upload(viewer),
        viewer.post(f"{COST}spend/add/", {"day": "2026-11-10"}),
        viewer.post(f"{COST}spend/{row.pk}/remove/"),
        viewer.post(f"{COST}rates/", {"currency": "EUR", "day": "2026-11-01", "rate": "1.1"}),
        viewer.post(f"{COST}names/", {"told": "a\tb", "meant": "c\td"}),
    ]
    assert [answer.status_code for answer in refused] == [403] * 5
    assert project.spend.count() == 1


def test_the_file_of_the_table_has_what_the_page_shows(project: Project, editor: Client) -> None:
    spent(project)
    sold(project)

    [row] = rows_of(editor.get(f"{COST}?format=csv"))

    assert row["campaign"] == "Lookalike EU"
    assert [Decimal(row[name]) for name in ("spend", "cpi", "roas")] == [100, 100, Decimal("1.5")]


@pytest.mark.parametrize(
    "query",
    [
        "?by=day",
        "?by=country&basis=period",
        "?source=meta",
        "?source=meta&campaign=Lookalike+EU",
        "?source=meta&campaign=Lookalike+EU&ad_set=-&ad=-",
        "?sort=-roas",
        "?sort=name",
        "?sort=bogus&by=bogus",
        "?range=24h",
        "?q=look",
        "?q=nothing",
        "?metric=cpi",
        "?metric=roas&compare=none",
        "?from=2026-11-21&to=2026-11-21",
        "?range=12m",
        "?cursor=bogus",
        "?source=%00",
    ],
)
def test_any_address_of_the_table_is_answered(project: Project, editor: Client, query: str) -> None:
    spent(project)
    spent(project, "7", currency="EUR", campaign="Other")
    sold(project)

    for page in ("", "pivot/", "ages/", "spend/"):
        assert editor.get(f"{COST}{page}{query}").status_code == 200, page


def test_spend_without_a_rate_is_said_on_the_page_and_counted_once_there_is_one(
    project: Project, editor: Client
) -> None:
    spent(project, "90", currency="EUR")
    assert "€90.00 of spend has no exchange rate" in text(editor.get(COST))

    editor.post(f"{COST}rates/", {"currency": "EUR", "day": "2026-11-01", "rate": "1,10"})

    assert "$99.00" in text(editor.get(COST))
    assert "no exchange rate" not in text(editor.get(COST))


def test_a_rate_is_removed_replaced_and_each_undone(project: Project, editor: Client) -> None:
    made, _ = rates.save(project, "EUR", ON, "1.1")
    changed = editor.post(f"{COST}rates/", {"currency": "EUR", "day": f"{ON}", "rate": "1.2"}, follow=True)
    editor.post(undo_in(changed))
    assert ExchangeRate.objects.get().rate == Decimal("1.1")

    gone = editor.post(f"{COST}rates/{made.pk}/delete/", follow=True)
    assert not ExchangeRate.objects.exists()
    editor.post(undo_in(gone))
    assert ExchangeRate.objects.get().rate == Decimal("1.1")
    assert editor.post(f"{COST}undo/forged/").status_code == 404


def undo_in(answer: Any) -> str:
    message = [one for one in answer.context["messages"] if "undo:" in one.tags][-1]
    return message.tags.split("undo:")[1].split()[0]


def test_a_wrong_rate_says_so_beside_its_field(editor: Client) -> None:
    answer = editor.post(f"{COST}rates/", {"currency": "EUR", "day": "2026-11-01", "rate": "0"})

    assert answer.status_code == 422
    assert "Give a number above 0" in text(answer)


def test_what_installs_brought_by_age_is_blank_where_nobody_is_old_enough(project: Project, editor: Client) -> None:
    spent(project)
    sold(project)

    answer = editor.get(f"{COST}ages/?by=day&from=2026-11-10&to=2026-11-12")

    assert "150%" in text(answer)
    assert "$150.00 of 1 installs that cost $100.00" in text(answer)
    found = {
        row["age"]: row for row in rows_of(editor.get(f"{COST}ages/?by=day&from=2026-11-10&to=2026-11-12&format=csv"))
    }
    assert set(found) == {"0", "1", "3", "7"}
    assert found["7"]["roas"] == "1.500000"


def test_names_are_suggested_accepted_and_undone(project: Project, editor: Client) -> None:
    sold(project)
    spent(project, campaign="lookalike_eu")
    assert "1 campaign that no install" in text(editor.get(COST))

    accepted = editor.post(f"{COST}names/", {"all": "1"}, follow=True)

    assert "lookalike_eu counts for Lookalike EU" in text(accepted)
    assert "150%" in text(editor.get(COST))
    editor.post(undo_in(accepted))
    assert not SpendName.objects.exists()
    editor.post(f"{COST}names/", {"told": "meta\tlookalike_eu", "meant": "meta\tLookalike EU"})
    [row] = SpendName.objects.all()
    gone = editor.post(f"{COST}names/{row.pk}/delete/", follow=True)
    editor.post(undo_in(gone))
    assert SpendName.objects.count() == 1


def test_spend_by_hand_replaces_says_so_and_is_undone(project: Project, editor: Client) -> None:
    spent(project)
    told = {"day": f"{ON}", "source": "meta", "campaign": "Lookalike EU", "amount": "120", "currency": "USD"}

    answer = editor.post(f"{COST}spend/add/", told, follow=True)

    assert "It replaces 100.00 USD" in text(answer)
    assert Spend.objects.get().amount == 120
    editor.post(undo_in(answer))
    assert Spend.objects.get().amount == 100


def test_wrong_spend_by_hand_keeps_what_was_typed(editor: Client) -> None:
    told = {"day": f"{ON + timedelta(days=40)}", "source": "meta", "amount": "120", "currency": "USD"}

    answer = editor.post(f"{COST}spend/add/", told)

    assert answer.status_code == 422
    assert "has not come yet" in text(answer)
    assert 'value="120"' in text(answer)


def test_a_row_of_spend_is_removed_and_brought_back(project: Project, editor: Client) -> None:
    row = spent(project)

    answer = editor.post(f"{COST}spend/{row.pk}/remove/", follow=True)

    assert not project.spend.exists()
    editor.post(undo_in(answer))
    assert Spend.objects.get().amount == 100


def test_the_menu_leads_to_cost(editor: Client) -> None:
    assert f'href="{COST}"' in text(editor.get("/dashboard/acme/campaigns/"))


def test_days_of_spend_are_dates_of_the_project(project: Project, editor: Client) -> None:
    spent(project, day=date(2026, 11, 21))

    assert "1 row, 2 days" in text(editor.get(f"{COST}spend/?from=2026-11-20&to=2026-11-21")).lower()
