"""Files of ad networks: their separators, heads, days and amounts; what is refused and why."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.costs import csv_rows, names, sheets, values
from attribution.costs.csv_rows import Layout, Read
from attribution.costs.names import Named

TODAY = date(2026, 11, 21)
META = """Campaign name,Ad set name,Reporting starts,Reporting ends,Amount spent (EUR),Impressions,Link clicks
Lookalike EU,Lookalike 1%,2026-11-19,2026-11-19,"1,204.55",48210,912
Lookalike EU,Lookalike 3%,2026-11-19,2026-11-19,310.10,9120,
Lookalike EU,Lookalike 1%,2026-11-01,2026-11-20,9310.10,912000,100
"""
GOOGLE = "Campaign report\nNovember 1, 2026 - November 20, 2026\n" + "\n".join(
    "\t".join(row)
    for row in (
        ("Day", "Campaign", "Currency code", "Cost", "Impr.", "Clicks"),
        ("2026-11-19", "Brand search", "USD", "1,020.00", "12,400", "800"),
        ("2026-11-20", "Brand search", "USD", "--", "--", "--"),
        ("Total: Campaigns", " --", "USD", "1,020.00", "12,400", "800"),
    )
)
TIKTOK = """Campaign name,Ad group name,By Day,Cost,Currency,Clicks,Impressions
Back to class,Students 18-24,2026-11-19 00:00:00,88.20,USD,120,9000
Total of 1 results,-,-,88.20,USD,120,9000
"""
APPSFLYER = """Date,Agency/PMD (af_prt),Media Source (pid),Campaign (c),Impressions,Clicks,Installs,Total Cost
2026-11-19,None,Facebook Ads,Lookalike EU,100,10,3,12.5
2026-11-19,None,bytedanceglobal_int,Back to class,100,10,3,N/A
"""
GERMAN = (
    "Datum;Kampagne;Netzwerk;Kosten;Währung\n19.11.2026;Winter;TikTok;1.204,55 €;EUR\n20.11.2026;Winter;TikTok;12;EUR\n"
)


def read(text: str, name: str = "report.csv", known: tuple[str, ...] = ()) -> tuple[Layout, Read]:
    sheet = sheets.read_sheet(text)
    layout = csv_rows.guess(sheet, name, today=TODAY, currency="EUR", known=known)
    return layout, csv_rows.read_rows(sheet, layout, today=TODAY, known=known)


def test_an_export_of_meta_is_understood_without_a_word() -> None:
    layout, found = read(META)

    assert layout.fixed == {"currency": "EUR", "source": "meta"}
    assert [(row.day, row.ad_set, row.amount, row.clicks) for row in found.rows] == [
        (date(2026, 11, 19), "Lookalike 1%", Decimal("1204.55"), 912),
        (date(2026, 11, 19), "Lookalike 3%", Decimal("310.10"), None),
    ]
    assert [(one.row, one.code) for one in found.refused] == [(4, "several_days")]
    assert "20 days" in found.refused[0].message


def test_an_export_of_google_ads_has_a_title_above_and_a_sum_below() -> None:
    _, found = read(GOOGLE, known=("google", "meta"))

    assert [(row.source, row.amount, row.currency, row.impressions) for row in found.rows] == [
        ("google", Decimal(1020), "USD", 12_400),
        ("google", Decimal(0), "USD", None),
    ]
    assert (found.left_out, found.refused) == (1, [])


def test_an_export_of_google_ads_is_read_in_the_encoding_of_excel() -> None:
    assert sheets.read_sheet(sheets.decode(GOOGLE.encode("utf-16"))).separator == "\t"


def test_an_export_of_tiktok_is_named_by_its_file() -> None:
    _, found = read(TIKTOK, "TikTok_Campaign_Report.csv")

    assert [(row.source, row.ad_set, row.amount) for row in found.rows] == [
        ("tiktok", "Students 18-24", Decimal("88.2"))
    ]
    assert found.left_out == 1


def test_sources_of_appsflyer_become_those_that_the_project_knows() -> None:
    _, found = read(APPSFLYER, known=("tiktok", "facebook"))

    assert [(row.source, row.amount) for row in found.rows] == [("facebook", Decimal("12.5")), ("tiktok", Decimal(0))]


def test_a_german_file_has_semicolons_and_decimal_commas() -> None:
    layout, found = read(GERMAN)

    assert (layout.order, layout.mark) == ("dmy", ",")
    assert [row.amount for row in found.rows] == [Decimal("1204.55"), Decimal(12)]


def test_a_campaign_with_a_separator_a_quote_and_a_line_break_is_one_cell() -> None:
    _, found = read('day,source,campaign,amount\n2026-11-19,x,"Fall, ""big""\nsale",5\n2026-11-19,x,b,6\n')

    assert [(row.line, row.campaign) for row in found.rows] == [(2, 'Fall, "big"\nsale'), (4, "b")]


BROKEN = {
    "2026-11-19,,Winter,5,EUR,": ("source", "missing"),
    ",tiktok,Winter,5,EUR,": ("day", "missing"),
    "2026-13-19,tiktok,Winter,5,EUR,": ("day", "invalid_day"),
    "2026-12-19,tiktok,Winter,5,EUR,": ("day", "day_in_future"),
    "2026-11-19,tiktok,Winter,,EUR,": ("amount", "missing"),
    "2026-11-19,tiktok,Winter,five,EUR,": ("amount", "invalid_amount"),
    "2026-11-19,tiktok,Winter,-5,EUR,": ("amount", "negative_amount"),
    "2026-11-19,tiktok,Winter,5,XXQ,": ("currency", "unknown_currency"),
    "2026-11-19,tiktok,Winter,5,,": ("currency", "missing"),
    "2026-11-19,tiktok,Winter,5,EUR,Atlantis": ("country", "unknown_country"),
    f"2026-11-19,tiktok,{'x' * 101},5,EUR,": ("campaign", "too_long"),
    "2026-11-19,tiktok": ("amount", "missing"),
}


@pytest.mark.parametrize("line", BROKEN)
def test_a_broken_row_says_which_field_is_wrong_and_is_kept_as_it_came(line: str) -> None:
    head = "day,source,campaign,amount,currency,country\n2026-11-18,tiktok,Winter,5.00,EUR,DE\n"

    _, found = read(f"{head}{line}\n")

    [one] = found.refused
    assert ((one.field, one.code), one.row, len(found.rows)) == (BROKEN[line], 3, 1)
    assert one.line.split(",")[:2] == line.split(",")[:2]
    assert one.message.endswith((".", "?"))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"PK\x03\x04zip", "Excel"),
        (b"", "empty"),
        (b"day,amount\n", "no rows"),
        (b"\x00" * 500, "no text"),
        (b'day,amount\n"2026-11-19,5', "can.t be read"),
    ],
)
def test_what_is_no_table_is_refused_with_a_reason(data: bytes, says: str) -> None:
    with pytest.raises(sheets.BadFile, match=says):
        sheets.read_sheet(sheets.decode(data))


def test_two_columns_of_one_name_can_be_told_apart() -> None:
    assert list(sheets.read_sheet("day,cost,cost,\n1,2,3,4\n").head) == ["day", "cost", "cost (2)", "Column 4"]


@pytest.mark.parametrize(
    ("days", "order"),
    [
        (["01/11/2026", "02/11/2026", "03/11/2026"], "dmy"),
        (["11/01/2026", "11/02/2026", "11/03/2026"], "mdy"),
        (["13/11/2026"], "dmy"),
        (["11/13/2026"], "mdy"),
        (["12/11/2026"], "dmy"),
        (["10/11/2026"], ""),
        (["2026-11-10"], "ymd"),
        (["10.11.2026"], "dmy"),
    ],
)
def test_whether_day_or_month_comes_first_is_seen_or_asked(days: list[str], order: str) -> None:
    assert values.order_of_days(days, today=TODAY) == order


def test_days_that_can_be_read_two_ways_are_refused_until_somebody_says_how() -> None:
    sheet = sheets.read_sheet("day,source,amount\n10/11/2026,tiktok,5\n")
    layout = csv_rows.guess(sheet, "x.csv", today=TODAY, currency="EUR")

    assert csv_rows.read_rows(sheet, layout, today=TODAY).refused[0].code == "ambiguous_day"
    said = Layout(layout.columns, layout.fixed, "dmy", layout.mark)
    assert csv_rows.read_rows(sheet, said, today=TODAY).rows[0].day == date(2026, 11, 10)


AMOUNTS = st.decimals(min_value=0, max_value=10**9, places=2)


@given(AMOUNTS, st.sampled_from([("{:,.2f}", "."), ("{:.2f}", "."), ("€ {:,.2f}", "."), ("{:,.2f} USD", ".")]))
def test_an_amount_is_read_as_it_was_written(amount: Decimal, way: tuple[str, str]) -> None:
    written = way[0].format(amount)

    assert values.read_amount(written, ".") == amount
    swapped = written.translate(str.maketrans(",.", ".,"))
    assert values.read_amount(swapped, ",") == amount
    assert values.read_amount(swapped.replace(".", "\u202f"), ",") == amount


@given(st.lists(AMOUNTS, min_size=1))
def test_the_decimal_mark_of_a_column_is_found_by_any_amount_that_tells(amounts: list[Decimal]) -> None:
    written = [f"{amount:,.2f}" for amount in amounts]

    assert values.mark_of(written, usual=",") == "."
    assert values.mark_of([one.translate(str.maketrans(",.", ".,")) for one in written]) == ","


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_and_never_breaks(text: str) -> None:
    for mark in (".", ","):
        amount = values.read_amount(text, mark)
        assert amount is None or amount.is_finite()
    values.read_day(text, "dmy")
    values.read_country(text)
    names.source_for(text, ("meta",))


@pytest.mark.parametrize("text", ["1,23", "1.2.3", "12,34,5", "1e5", "0x10", "five", "1 2", ""])
def test_what_is_no_amount_is_none(text: str) -> None:
    assert values.read_amount(text, ".") is None


def test_a_campaign_by_another_name_is_found_by_its_letters_its_parts_and_its_source() -> None:
    known = {Named("meta", "Lookalike EU"): 90, Named("tiktok", "Winter sale"): 50, Named("meta", "Brand"): 5}

    assert names.meant(Named("meta", "lookalike_eu"), known) == Named("meta", "Lookalike EU")
    assert names.meant(Named("facebook", "DE | Lookalike EU | 2026"), known) == Named("meta", "Lookalike EU")
    assert names.meant(Named("tiktok", "Winter sales"), known) == Named("tiktok", "Winter sale")
    assert names.meant(Named("google", "Winter sale"), known) is None
    assert names.meant(Named("meta", "Retargeting"), known) is None
