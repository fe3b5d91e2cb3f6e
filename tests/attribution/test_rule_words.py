from attribution.rule_words import differences, order_in_words
from attribution.rules import CLICK_ID, DAY_S, DEVICE_ID, INSTALL_REFERRER, VIEW, WINDOWS_S, Rules


def test_equal_rules_differ_in_nothing() -> None:
    assert differences(Rules(), Rules.from_json(Rules().to_json())) == []


def test_each_change_is_a_sentence() -> None:
    new = Rules(windows_s={**WINDOWS_S, VIEW: 3600}, accept=0.975, ios_needs_consent=False, inactivity_days=1)

    assert differences(Rules(), new) == [
        "Matching by network on iOS no longer needs consent.",
        "A return counts after 1 day away (was 7 days).",
        "View: up to 1 h before the install (was 1 day).",
        "Network and device: credited from a probability of 97.5% (was 95%).",
    ]


def test_an_order_is_told_whole_and_what_left_it_by_name() -> None:
    new = Rules(order=((INSTALL_REFERRER, CLICK_ID), (DEVICE_ID,)))

    said = differences(Rules(), new)

    assert "View no longer counts as a match." in said
    assert f"Order: {order_in_words(new.order)}." in said
    assert order_in_words(new.order) == "Install referrer = Click id, then Device id"


def test_what_differs_for_a_source_or_a_link_names_it() -> None:
    old = Rules(sources={"tiktok": {"windows_s": {VIEW: 3600}}})
    new = Rules(links={"7": {"accept": 0.99, "windows_s": {CLICK_ID: 2 * DAY_S}}})

    assert differences(old, new, {"7": "Winter sale"}) == [
        "TikTok: View: as the project, no longer 1 h.",
        "Link Winter sale: Click id: up to 2 days before the install.",
        "Link Winter sale: Network and device: credited from a probability of 99%.",
    ]


def test_a_fraud_rule_is_told_by_its_name() -> None:
    new = Rules(fraud={"ctit_short": {"action": "block", "threshold": 15}, "bot": {"action": "off"}})

    assert differences(Rules(), new, codes={"ctit_short": "Short time"}) == [
        "Fraud rule bot is off.",
        "Fraud rule Short time blocks from 15.",
    ]
    assert differences(new, Rules()) == ["Fraud rule bot: as usual again.", "Fraud rule ctit_short: as usual again."]
