"""Two counts beside each other, and reports of other vendors read: plain values only."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.shadow import comparing, number_files, vendors
from attribution.shadow.comparing import Cell, Numbers, compare, equality, explain, verdict
from attribution.shadow.number_files import Row, Wrong, amount_of, day_of, guess, missing, split

DAY, NEXT = date(2026, 11, 10), date(2026, 11, 11)
SALE: Cell = (DAY, "tiktok", "Winter sale")


def numbers(**cells: int) -> Any:
    return {(DAY, "tiktok", name): Numbers(installs) for name, installs in cells.items()}


def installs(found: dict[Cell, Numbers]) -> dict[Cell, int]:
    return {cell: one.installs for cell, one in found.items()}


def test_what_explains_a_difference_points_the_same_way_and_never_beyond_it() -> None:
    hints = {"fraud": 6, "reinstalls": 9, "probabilistic": -4, "our_window": -2}

    more = {one.code: one.explains for one in explain(10, hints)}
    fewer = {one.code: one.explains for one in explain(-5, hints)}

    assert more == {"reinstalls": 9, "fraud": 1}
    assert fewer == {"our_window": -2, "probabilistic": -3}


def test_the_clock_is_asked_first_and_may_point_the_other_way() -> None:
    found = {one.code: one.explains for one in explain(3, {"time_zone": -2, "fraud": 9})}

    assert found == {"time_zone": -2, "fraud": 5}


def test_decisions_that_may_still_move_explain_either_way() -> None:
    assert [one.explains for one in explain(-4, {"provisional": 9})] == [-4]
    assert [one.explains for one in explain(4, {"provisional": 3})] == [3]
    assert explain(0, {"provisional": 3}) == []


@given(st.integers(-50, 50), st.dictionaries(st.sampled_from(list(comparing.REASONS)), st.integers(-20, 20)))
def test_no_explanation_turns_a_difference_around(difference: int, hints: dict[str, int]) -> None:
    found = explain(difference, hints)
    left = difference - hints.get(comparing.TIME_ZONE, 0)

    rest = left - sum(one.explains for one in found if one.code != comparing.TIME_ZONE)
    assert rest == 0 or (rest > 0) == (left > 0)
    assert abs(rest) <= abs(left)


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), max_size=20))
def test_equality_is_a_share_and_one_only_for_equal_counts(pairs: list[tuple[int, int]]) -> None:
    share = equality(pairs)

    if share is None:
        assert all(pair == (0, 0) for pair in pairs)
    else:
        assert 0 <= share <= 1
        assert (share == 1) == all(theirs == ours for theirs, ours in pairs)


def test_only_days_that_the_vendor_has_told_about_are_compared() -> None:
    ours = {SALE: Numbers(3), (NEXT, "tiktok", "Winter sale"): Numbers(8)}

    found = compare(numbers(**{"Winter sale": 4}), ours, installs(ours), {})

    assert (found.total.theirs.installs, found.total.ours.installs) == (4, 3)
    assert found.total.difference == 1


def test_sums_by_day_and_by_campaign_are_sums_of_the_same_cells() -> None:
    theirs = numbers(**{"Winter sale": 4, "Spring": 2}) | {(NEXT, "tiktok", "Spring"): Numbers(5)}
    ours = numbers(**{"Winter sale": 3}) | {(NEXT, "tiktok", "Spring"): Numbers(7)}
    found = compare(theirs, ours, installs(ours), {SALE: {"fraud": 1}})

    for rows in (found.days(), found.campaigns()):
        assert sum(row.theirs.installs for row in rows.values()) == 11
        assert sum(row.ours.installs for row in rows.values()) == 10
    assert found.campaigns()["tiktok", "Winter sale"].reasons == [("fraud", 1, 1)]
    assert [row.difference for row in found.days(campaign="Spring").values()] == [2, -2]


def test_the_clocks_part_is_told_apart_from_the_rest() -> None:
    theirs, ours = numbers(sale=10), numbers(sale=7)
    found = compare(theirs, ours, {(DAY, "tiktok", "sale"): 9}, {})

    [row] = found.campaigns().values()
    assert row.reasons == [("time_zone", 2, 2)]
    assert row.unexplained == 1
    made = verdict(found)
    assert made
    assert (round(made.share, 3), round(made.recounted, 3)) == (0.7, 0.9)


def test_a_campaign_under_another_name_is_found_and_explains_both_sides() -> None:
    theirs = {(DAY, "tiktok", "winter-sale"): Numbers(40), (DAY, "meta", "Lookalike"): Numbers(9)}
    ours = {(DAY, "tiktok", "Winter Sale 2026"): Numbers(41), (DAY, "meta", "Lookalike"): Numbers(9)}

    found = compare(theirs, ours, installs(ours), {})

    [alias] = found.aliases
    assert (alias.theirs, alias.ours) == (("tiktok", "winter-sale"), ("tiktok", "Winter Sale 2026"))
    rows = found.campaigns()
    assert rows["tiktok", "winter-sale"].unexplained == rows["tiktok", "Winter Sale 2026"].unexplained == 0


def test_organic_is_never_taken_for_a_campaign() -> None:
    theirs, ours = {(DAY, "organic", ""): Numbers(10)}, {(DAY, "tiktok", "organic"): Numbers(10)}

    assert compare(theirs, ours, installs(ours), {}).aliases == []


def test_without_installs_there_is_no_verdict() -> None:
    assert verdict(compare({}, {}, {}, {})) is None


@pytest.mark.parametrize(
    ("theirs", "known", "ours"),
    [
        ("facebook_ads_int", [], "meta"),
        ("Facebook Ads", ["facebook"], "facebook"),
        ("googleadwords_int", ["google_ads", "tiktok"], "google_ads"),
        ("bytedanceglobal_int", [], "tiktok"),
        ("Organic", [], "organic"),
        ("inmobi_int", [], "inmobi"),
        ("google_ads", ["google", "google_ads"], "google_ads"),
        ("Google Ads", ["google_ads", "google"], "google_ads"),
        ("InMobi_int", ["InMobi"], "InMobi"),
        ("Newsletter", ["newsletter"], "newsletter"),
    ],
)
def test_a_source_gets_the_name_that_the_project_has_for_it(theirs: str, known: list[str], ours: str) -> None:
    assert vendors.source_of(theirs, known) == ours


APPSFLYER = b"""Date,Agency/PMD (af_prt),Media Source (pid),Campaign (c),Impressions,Clicks,CTR,Installs,Total Revenue
2026-11-10,None,facebook_ads_int,Lookalike EU,"12,001","1,240",N/A,93,"1,512.40"
2026-11-10,None,Organic,None,N/A,N/A,N/A,210,0
"""
ADJUST = b"""day;network;campaign;os_name;installs;clicks;revenue
10.11.2026;TikTok;Winter sale;android;31;400;12,50
"""
BRANCH = (
    b"timestamp,last_attributed_touch_data_tilde_advertising_partner_name,last_attributed_touch_data_tilde_campaign,"
    b"unique_count\n2026-11-10T00:00:00.000Z,Google AdWords,Brand,12\n"
)
SINGULAR = b"\xef\xbb\xbfDate\tSource\tCampaign Name\tOS\tTracker Installs\n11/23/2026\tFacebook\tX\tiOS\t7\n"


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (APPSFLYER, Row(DAY, "facebook_ads_int", "Lookalike EU", "", 1240, 93, Decimal("1512.40"))),
        (ADJUST, Row(DAY, "TikTok", "Winter sale", "android", 400, 31, Decimal("12.50"))),
        (BRANCH, Row(DAY, "Google AdWords", "Brand", "", None, 12)),
        (SINGULAR, Row(date(2026, 11, 23), "Facebook", "X", "ios", None, 7)),
    ],
)
def test_the_reports_of_vendors_are_read_without_being_told_how(content: bytes, row: Row) -> None:
    table = split(content)
    mapping = guess(table)

    assert missing(mapping) == []
    assert next(number_files.read(table, mapping)) == row


def test_raw_data_counts_a_row_for_each_install() -> None:
    raw = (
        b"Install Time,Event Name,Media Source,Campaign\n2026-11-10 09:05:00,install,tiktok_int,S\n"
        b"2026-11-10 09:05:00,af_purchase,tiktok_int,S\n"
    )
    table = split(raw)

    assert list(number_files.read(table, guess(table))) == [Row(DAY, "tiktok_int", "S", installs=1)]


def test_wrong_rows_say_what_is_wrong_and_leave_the_others_alone() -> None:
    table = split(
        b"date,source,installs\n2026-11-10,meta,5\nsoon,meta,5\n2026-11-10,meta,-3\n2026-11-10,meta\nTotal,,10\n"
    )

    good, *wrong = number_files.read(table, guess(table))

    assert good == Row(DAY, "meta", installs=5)
    assert [(one.line, one.code) for one in wrong if isinstance(one, Wrong)] == [
        (3, "invalid_day"), (4, "invalid_number"), (5, "wrong_columns"),
    ]  # fmt: skip


def test_what_is_no_table_is_refused_in_a_sentence() -> None:
    for content in (b"", b"date,installs\n", b"\x00\x01"):
        with pytest.raises(number_files.WrongFile):
            split(content)
    assert missing(guess(split(b"a,b\n1,2\n"))) == ["Day", "Source", "Installs"]


@pytest.mark.parametrize(
    ("text", "amount"),
    [("1,234.50", "1234.50"), ("1.234,50", "1234.50"), ("$1 234", "1234"), ("(12)", "-12"), ("1,234", "1234"),
     ("12,5", "12.5"), ("1e3", "1E+3"), ("0.125", "0.125"), ("abc", None), ("12 apples", None), ("", None)],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(text: str, amount: str | None) -> None:
    assert amount_of(text) == (None if amount is None else Decimal(amount))


@given(st.decimals(-(10**9), 10**9, places=2), st.sampled_from([(",", "."), (".", ",")]))
def test_a_number_written_with_thousands_is_the_same_number(value: Decimal, signs: tuple[str, str]) -> None:
    written = f"{value:,.2f}".replace(",", "T").replace(".", signs[1]).replace("T", signs[0])

    assert amount_of(written) == value


@pytest.mark.parametrize(
    ("text", "day"),
    [("2026-11-10", DAY), ("2026-11-10 09:00:00", DAY), ("11/10/2026", DAY), ("10.11.2026", DAY), ("20261110", DAY),
     ("Nov 10, 2026", DAY), ("2026-11-10T00:00:00.000Z", DAY), ("13/45/2026", None), ("1999-01-01", None)],
)  # fmt: skip
def test_days_are_read_as_reports_write_them(text: str, day: date | None) -> None:
    assert day_of(text) == day


def test_a_file_shows_itself_whether_the_day_is_written_first() -> None:
    table = split(b"date,source,installs\n10/11/2026,meta,1\n23/11/2026,meta,1\n")

    days = [row.day for row in number_files.read(table, guess(table)) if isinstance(row, Row)]

    assert days == [DAY, date(2026, 11, 23)]


def test_an_excel_file_is_told_to_be_saved_as_csv() -> None:
    with pytest.raises(number_files.WrongFile, match="Excel"):
        split(b"PK\x03\x04date,source,installs\n2026-11-20,meta,1\n")


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reader(content: bytes) -> None:
    try:
        table = split(content)
    except number_files.WrongFile:
        return
    list(number_files.read(table, guess(table)))
    list(number_files.read(table, dict.fromkeys(number_files.HEADS, table.head[0])))
