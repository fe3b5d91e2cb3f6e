"""Fraud rules of a touch, an install and a conversion: what strikes, at which edge, and what a project may change."""

import csv
import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attribution.facts import InstallFacts, TouchFacts
from attribution.fraud import catalogue
from attribution.fraud import rules as fraud
from attribution.fraud.rules import InstallCounts, NetworkCounts, Raised, Struck
from attribution.rules import Rules
from attribution.rules import problems as rule_problems

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "talkingdata_clicks" / "train_sample.csv.gz"


def touch(before_s: float = 600, **facts: object) -> TouchFacts:
    return TouchFacts(1, "t1", "click", NOON - timedelta(seconds=before_s), source="tiktok", **facts)  # type: ignore[arg-type]


def struck(one: TouchFacts, install: InstallFacts | None = None, **rules: object) -> dict[str, str]:
    found = fraud.of_touch(install or InstallFacts(NOON), one, Rules(fraud=rules), {})  # type: ignore[arg-type]
    return {rule.code: rule.action for rule in found}


def test_an_honest_click_strikes_nothing() -> None:
    assert struck(touch()) == {}


@pytest.mark.parametrize(
    ("before_s", "found"),
    [(1.9, {"ctit_short": "block"}), (2, {"ctit_quick": "flag"}), (9.9, {"ctit_quick": "flag"}), (10, {})],
)
def test_what_is_too_quick_is_blocked_and_what_is_very_quick_is_flagged(before_s: float, found: dict[str, str]) -> None:
    assert struck(touch(before_s)) == found


def test_an_open_soon_after_the_click_is_what_a_link_is_for() -> None:
    assert fraud.of_touch(InstallFacts(NOON), touch(1), Rules(), {}, returning=True) == ()


def test_a_click_after_the_download_began_is_injected() -> None:
    install = InstallFacts(NOON, install_begin_at=NOON - timedelta(seconds=60))

    assert struck(touch(59), install) == {"ctit_injection": "block"}
    assert struck(touch(60), install) == {}
    assert struck(touch(-1), install) == {}


def test_the_stores_own_time_of_the_click_counts_too() -> None:
    begun = NOON - timedelta(seconds=60)
    install = InstallFacts(
        NOON, referrer_click_id="t1", install_begin_at=begun, referrer_click_at=begun + timedelta(seconds=5)
    )

    assert struck(touch(600), install) == {"ctit_injection": "block"}
    assert struck(TouchFacts(2, "t2", "click", NOON - timedelta(seconds=600)), install) == {}


def test_a_view_is_not_judged_by_times_of_clicks() -> None:
    view = TouchFacts(1, "t1", "impression", NOON - timedelta(seconds=1))

    assert fraud.of_touch(InstallFacts(NOON), view, Rules(), {}) == ()


def test_many_clicks_of_a_shared_address_are_flagged_not_blocked() -> None:
    install = InstallFacts(NOON, ip="192.0.2.1")

    found = fraud.of_touch(install, touch(ip="192.0.2.1"), Rules(), {}, NetworkCounts(501))
    usual = fraud.of_touch(install, touch(ip="192.0.2.1"), Rules(), {}, NetworkCounts(500))
    elsewhere = fraud.of_touch(install, touch(ip="192.0.2.9"), Rules(), {}, NetworkCounts(501))

    assert found == (Struck("address_flood", 501.0, 500.0, "flag"),)
    assert usual == elsewhere == ()


def test_countries_are_compared_only_where_both_are_known() -> None:
    assert struck(touch(country="DE"), InstallFacts(NOON, country="US")) == {"geo_mismatch": "flag"}
    assert struck(touch(country="DE"), InstallFacts(NOON, country="DE")) == {}
    assert struck(touch(country=""), InstallFacts(NOON, country="US")) == {}


def test_machines_and_their_addresses_strike() -> None:
    assert struck(touch(bot=True)) == {"ua_bot": "block"}
    assert struck(touch(flags=("click_datacenter",))) == {"click_datacenter": "flag"}


def test_a_project_may_switch_a_rule_off_or_sharpen_it_but_not_the_fixed_one() -> None:
    assert struck(touch(1), ctit_short={"action": "off"}) == {}
    assert struck(touch(5), ctit_quick={"action": "block"}) == {"ctit_quick": "block"}
    assert struck(touch(14), ctit_short={"threshold": 15}) == {"ctit_short": "block"}
    assert struck(touch(bot=True), ua_bot={"action": "off"}) == {"ua_bot": "block"}


def test_a_flag_of_a_publisher_strikes_its_touches_while_it_is_up() -> None:
    up = Raised("ctit_flat", NOON - timedelta(days=1), NOON, 0.1, 0.4)
    flags = {("tiktok", "p1"): [up]}

    def codes(one: TouchFacts, rules: Rules | None = None) -> list[str]:
        return [rule.code for rule in fraud.of_touch(InstallFacts(NOON), one, rules or Rules(), flags)]

    assert codes(touch(publisher="p1")) == ["ctit_flat"]
    assert codes(touch(publisher="p2")) == codes(touch()) == []
    assert codes(touch(2 * 86_400, publisher="p1")) == []
    assert codes(touch(publisher="p1"), Rules(fraud={"ctit_flat": {"threshold": 0.1}})) == []


def test_a_flag_of_a_source_strikes_all_its_publishers_once() -> None:
    up = Raised("ctit_flat", NOON - timedelta(days=1), None, 0.1, 0.4)

    found = fraud.of_touch(
        InstallFacts(NOON), touch(publisher="p1"), Rules(), {("tiktok", ""): [up], ("tiktok", "p1"): [up]}
    )

    assert [rule.code for rule in found] == ["ctit_flat"]


def test_a_bad_signature_only_flags_while_most_of_the_source_fail() -> None:
    rules = Rules(fraud={"click_signature": {"action": "block"}})
    broken = {("tiktok", ""): [Raised(catalogue.SIGNATURE_BREAKER, NOON - timedelta(hours=1), None, 0.9, 0.5)]}
    forged = touch(signature="invalid")

    assert fraud.of_touch(InstallFacts(NOON), forged, rules, {}) == (
        Struck("click_signature", "invalid", 0.0, "block"),
    )
    assert fraud.of_touch(InstallFacts(NOON), forged, rules, broken) == (
        Struck("click_signature", "invalid", 0.0, "flag"),
    )
    assert fraud.of_touch(InstallFacts(NOON), touch(signature="valid"), rules, {}) == ()


def test_an_install_is_judged_by_itself() -> None:
    def codes(install: InstallFacts, counts: InstallCounts = fraud.NO_INSTALL_COUNTS) -> dict[str, str]:
        return {rule.code: rule.action for rule in fraud.of_install(install, counts, Rules())}

    assert codes(InstallFacts(NOON)) == {}
    assert codes(InstallFacts(NOON, emulator=True)) == {"emulator": "block"}
    assert codes(InstallFacts(NOON, signature="expired")) == {"sdk_signature": "flag"}
    assert codes(InstallFacts(NOON), InstallCounts(listed="vpn")) == {"ip_datacenter": "flag"}
    assert codes(InstallFacts(NOON), InstallCounts(subnet_hour=11)) == {"device_farm": "flag"}
    assert codes(InstallFacts(NOON), InstallCounts(subnet_hour=10, addresses_day=5)) == {}
    assert codes(InstallFacts(NOON), InstallCounts(addresses_day=6)) == {"dup_device": "flag"}


def test_an_order_counts_once_and_a_forged_receipt_is_flagged() -> None:
    assert fraud.of_conversion(Rules(), repeated=False, receipt="valid") == ()
    assert fraud.blocks(fraud.of_conversion(Rules(), repeated=True))
    assert [rule.code for rule in fraud.of_conversion(Rules(), repeated=False, receipt="invalid")] == ["store_receipt"]


def test_every_rule_says_what_it_is_and_can_be_set() -> None:
    for rule in catalogue.RULES:
        assert rule.sentence.endswith(".")
        assert rule.why.endswith(".")
        assert bool(rule.unit) == bool(rule.threshold)
        assert rule_problems({"fraud": {rule.code: {"action": "off", "threshold": rule.threshold}}}) == []
    assert len(catalogue.BY_CODE) == len(catalogue.RULES)


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_sharper_threshold_strikes_whatever_a_looser_one_does(value: float, threshold: float) -> None:
    for code, sharper in (("ctit_short", threshold + 1), ("address_flood", max(0, threshold - 1))):
        assert not fraud.crosses(code, value, threshold) or fraud.crosses(code, value, sharper)


@pytest.mark.skipif(not REAL.exists(), reason="The real clicks are not on this machine.")
def test_none_of_the_real_installs_is_blocked() -> None:
    with gzip.open(REAL, "rt") as lines:
        rows = [row for row in csv.DictReader(lines) if row["attributed_time"]]
    found = []
    for row in rows:
        clicked, installed = (
            datetime.fromisoformat(row[name]).replace(tzinfo=UTC) for name in ("click_time", "attributed_time")
        )
        found.append(fraud.of_touch(InstallFacts(installed), TouchFacts(1, "t", "click", clicked), Rules(), {}))

    assert len(rows) == 227
    assert not any(fraud.blocks(one) for one in found)
    assert sum(bool(one) for one in found) == 5
