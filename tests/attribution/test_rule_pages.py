import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from attribution import replays, rule_sets
from attribution.models import Replay, ReplayChange, RuleSet
from attribution.rules import CLICK_ID, DEVICE_ID, VIEW, WINDOWS_S, Rules
from customers.models import Member, Project
from tests.attribution.conftest import decided
from tests.attribution.factories import NOON, LinkFactory, TouchFactory
from tests.factories import MemberFactory

DAY = timedelta(days=1)
RULES = "/dashboard/acme/rules/"
REPLAYS = "/dashboard/acme/rules/replays/"
SHORT = Rules(windows_s={**WINDOWS_S, CLICK_ID: 3600})


DEFAULT = Rules()


def form_of(rules: Rules = DEFAULT, **changes: Any) -> dict[str, Any]:
    """Return what a browser sends of the editor's form, changed in places; None leaves a field out."""
    sent: dict[str, Any] = {"base": "1", "tier": [], "accept": f"{rules.accept * 100:g}", "period": "28d", "note": ""}
    sent |= {"reinstall_days": str(rules.reinstall_days), "inactivity_days": str(rules.inactivity_days)}
    sent |= {"ios_needs_consent": "on", "trust_organic_referrer": "on"}
    for group in rules.order:
        for place, tier in enumerate(group):
            sent["tier"].append(tier)
            sent[f"used-{tier}"] = "on"
            sent[f"number-{tier}"], sent[f"unit-{tier}"] = str(rules.windows_s[tier] // 3600), "hours"
            if place:
                sent[f"level-{tier}"] = "on"
    sent |= changes
    return {name: value for name, value in sent.items() if value is not None}


@pytest.fixture
def owner(project: Project) -> Client:
    client = Client()
    client.force_login(MemberFactory(organization=project.organization, role=Member.Role.OWNER).user)
    return client


@pytest.fixture
def replay(project: Project) -> Replay:
    """Make a replay that would move one install from a click to organic."""
    at = NOON - timedelta(hours=5)
    TouchFactory(project=project, touch_id="old", ts=at, received_at=at, source="meta", campaign="Brand <b>")
    decided(project, "m-1", click_id="old")
    started = replays.start(project, SHORT, NOON - DAY, NOON + DAY, note="An hour")
    replays.work(started.pk)
    return Replay.objects.get(pk=started.pk)


def test_the_list_says_what_holds_and_what_each_version_changed(project: Project, editor: Client) -> None:
    rule_sets.publish(project, SHORT, "Shorter", None)

    shown = editor.get(RULES).content.decode()

    assert "Shorter" in shown
    assert "Click id: up to 1 h before the install (was 7 days)." in shown
    assert "The rules that every project begins with." in shown


def test_a_project_without_decisions_has_rules_already(project: Project, viewer: Client) -> None:
    assert viewer.get(RULES).status_code == 200
    assert RuleSet.objects.get(project=project).version == 1


def test_a_version_is_shown_with_what_it_says(project: Project, viewer: Client) -> None:
    rule_sets.publish(project, SHORT, "Shorter", None)
    rule_sets.publish(project, Rules(), "Back", None)

    shown = viewer.get(f"{RULES}2/").content.decode()

    assert "Shorter" in shown
    assert "Against version 3, which holds now" in shown
    assert viewer.get(f"{RULES}9/").status_code == 404


def test_the_form_published_as_it_is_changes_nothing(project: Project, editor: Client) -> None:
    answer = editor.post(f"{RULES}edit/", form_of(publish="1"))

    assert answer.status_code == 302
    assert RuleSet.objects.filter(project=project).count() == 1


def test_publishing_from_the_form_writes_the_next_version(project: Project, editor: Client) -> None:
    link = LinkFactory(project=project)
    sent = form_of(
        publish="1", note="Tighter", accept="97,5", ios_needs_consent=None,
        **{
            "number-view": "1", "unit-view": "hours", "level-device_id": "on", "used-contact_hash": None,
            "special-where": ["source:tiktok", f"link:{link.pk}", ""], "special-what": [VIEW, "accept", VIEW],
            "special-number": ["90", "99", ""], "special-unit": ["minutes", "hours", "hours"],
        },
    )  # fmt: skip

    answer = editor.post(f"{RULES}edit/", sent)

    assert answer.status_code == 302
    made = RuleSet.objects.get(project=project, version=2)
    rules = Rules.from_json(made.rules)
    assert (made.note, rules.accept, rules.ios_needs_consent, rules.windows_s[VIEW]) == ("Tighter", 0.975, False, 3600)
    assert DEVICE_ID in rules.order[0]
    assert not any("contact_hash" in group for group in rules.order)
    assert rules.sources == {"tiktok": {"windows_s": {VIEW: 5400}}}
    assert rules.links == {str(link.pk): {"accept": 0.99}}


def test_the_form_keeps_fraud_rules_that_it_does_not_show(project: Project, editor: Client) -> None:
    fraud = {"ctit_short": {"action": "block", "threshold": 15}}
    old = Rules(fraud=fraud, sources={"meta": {"fraud": fraud}})
    rule_sets.publish(project, old, "", None)

    editor.post(f"{RULES}edit/", form_of(publish="1", base="2", accept="80"))

    rules = rule_sets.current([project.pk])[project.pk].rules
    assert (rules.accept, rules.fraud, rules.sources) == (0.8, fraud, {"meta": {"fraud": fraud}})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"accept": "lots"}, "Give a number of per cent"),
        ({"accept": "20"}, "Give a probability from 0.5 to 1"),
        ({"number-view": "0"}, "Give a number above 0."),
        ({"number-view": "100", "unit-view": "days"}, "90 days"),
        ({"reinstall_days": "-1"}, "Give whole days."),
        ({"base": "0"}, "Version 1 was published meanwhile"),
        ({"special-where": ["nothing:x"], "special-what": [VIEW], "special-number": ["1"], "special-unit": ["days"]},
         "Choose a source or a link."),
        ({"special-where": ["link:999999"], "special-what": [VIEW], "special-number": ["1"], "special-unit": ["days"]},
         "This project has no such link."),
        ({"special-where": ["source:a", "source:a"], "special-what": [VIEW, VIEW], "special-number": ["1", "2"],
          "special-unit": ["days", "days"]}, "stands here twice"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_form_is_told_and_publishes_nothing(
    project: Project, editor: Client, changes: dict[str, Any], said: str
) -> None:
    rule_sets.current([project.pk])

    answer = editor.post(f"{RULES}edit/", form_of(Rules(accept=0.9), publish="1", **changes))

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert RuleSet.objects.filter(project=project).count() == 1


def test_without_any_kind_of_match_nothing_is_published(project: Project, editor: Client) -> None:
    answer = editor.post(f"{RULES}edit/", form_of(publish="1", **{f"used-{tier}": None for tier in WINDOWS_S}))

    assert answer.status_code == 422
    assert "every install would be organic" in answer.content.decode()


def test_a_row_moves_down_by_its_button_and_nothing_is_published(project: Project, editor: Client) -> None:
    sent = form_of(down="device_id", note="Half written")

    answer = editor.post(f"{RULES}edit/", sent, HTTP_HX_REQUEST="true")

    shown = answer.content.decode()
    assert shown.index('value="person_id"') < shown.index('value="device_id"')
    assert "Half written" in shown
    assert "<html" not in shown
    [focused] = re.findall(r'id="([^"]+)"\s+autofocus', shown)
    assert focused == "down-device_id"
    assert RuleSet.objects.filter(project=project).count() == 1


def test_rows_for_what_differs_come_and_go_by_buttons(project: Project, editor: Client) -> None:
    added = editor.post(f"{RULES}edit/", form_of(add="1"), HTTP_HX_REQUEST="true").content.decode()
    row = {"special-where": [""], "special-what": [VIEW], "special-number": [""], "special-unit": ["hours"]}
    dropped = editor.post(f"{RULES}edit/", form_of(drop="0", **row), HTTP_HX_REQUEST="true").content.decode()

    assert 'name="special-where"' in added
    assert 'name="special-where"' not in dropped


def test_going_back_to_a_version_fills_the_form_with_it(project: Project, editor: Client) -> None:
    rule_sets.publish(project, Rules(accept=0.77, fraud={"emulator": {"action": "off"}}), "", None)
    rule_sets.publish(project, Rules(), "", None)

    shown = editor.get(f"{RULES}edit/?from=2").content.decode()
    editor.post(f"{RULES}edit/?from=2", form_of(publish="1", base="3", accept="77"))

    assert 'value="77"' in shown
    assert "As in version 2" in shown
    rules = rule_sets.current([project.pk])[project.pk].rules
    assert (rules.accept, rules.fraud) == (0.77, {"emulator": {"action": "off"}})
    assert editor.get(f"{RULES}edit/?from=x").status_code == 404


def test_trying_on_the_past_starts_a_replay(project: Project, editor: Client) -> None:
    answer = editor.post(f"{RULES}edit/", form_of(**{"try": "1", "accept": "80", "period": "7d", "note": "Looser"}))

    made = Replay.objects.get(project=project)
    assert answer.headers["Location"] == f"{REPLAYS}{made.pk}/"
    assert (made.note, made.rules["accept"], made.state) == ("Looser", 0.8, "waiting")
    assert made.until - made.since == 7 * DAY
    assert RuleSet.objects.filter(project=project).count() == 1


def test_a_second_replay_at_once_is_told_in_the_form(project: Project, editor: Client) -> None:
    replays.start(project, SHORT, NOON - DAY, NOON)

    answer = editor.post(f"{RULES}edit/", form_of(**{"try": "1", "accept": "80"}))

    assert answer.status_code == 422
    assert "Another replay of this project is at work" in answer.content.decode()


def test_a_replay_says_what_would_move(replay: Replay, viewer: Client) -> None:
    shown = viewer.get(f"{REPLAYS}{replay.pk}/").content.decode()

    assert "<b>1 install</b> would move from Meta to Organic" in shown
    assert "Brand &lt;b&gt;" in shown
    assert f"/dashboard/acme/installs/dec_{replay.changes.get().decision_id}/" in shown
    assert "Click id: up to 1 h before the install (was 7 days)." in shown
    assert 'data-dialog="approve"' not in shown


def test_many_changes_are_shown_page_by_page_in_any_order(
    project: Project, replay: Replay, viewer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("attribution.views.shared.PAGE_ROWS", 1)
    [first] = replay.changes.all()
    other = decided(project, "m-2", at=NOON + timedelta(hours=1))
    ReplayChange.objects.create(
        replay=replay, decision=other, old_tier="view", old_source="tiktok", new_tier="organic", new_source="organic",
        revenue="12.5",
    )  # fmt: skip

    def pages_of(sort: str) -> list[int]:
        seen, cursor = [], ""
        while True:
            path = f"{REPLAYS}{replay.pk}/?sort={sort}&cursor={cursor}"
            shown = viewer.get(path, HTTP_HX_REQUEST="true", HTTP_HX_TARGET="changes").content.decode()
            assert 'id="replay"' not in shown
            seen += [int(number) for number in re.findall(r'href="/dashboard/acme/installs/dec_(\d+)/"', shown)]
            cursor = (re.findall(r'cursor=([\w-]+)[^"]*"[^>]*>Next', shown) or [""])[0]
            if not cursor:
                return seen

    assert pages_of("-revenue") == pages_of("-install") == [other.pk, first.decision_id]
    assert pages_of("revenue") == pages_of("install") == [first.decision_id, other.pk]


def test_the_changes_of_a_replay_are_a_file_too(replay: Replay, viewer: Client) -> None:
    answer = viewer.get(f"{REPLAYS}{replay.pk}/?format=csv")

    [head, line] = b"".join(answer).decode().strip().splitlines()
    assert head.startswith("decision,kind,installed_at,old_source")
    assert "meta" in line


def test_a_replay_at_work_asks_again_and_shows_how_far_it_is(project: Project, viewer: Client) -> None:
    made = replays.start(project, SHORT, NOON - DAY, NOON)

    shown = viewer.get(f"{REPLAYS}{made.pk}/", HTTP_HX_REQUEST="true").content.decode()

    assert 'hx-trigger="every 1s"' in shown
    assert "<html" not in shown


def test_an_owner_approves_a_replay_once(project: Project, replay: Replay, owner: Client) -> None:
    # Also where the page has only asked how far it is: the dialog comes with its button.
    shown = owner.get(f"{REPLAYS}{replay.pk}/", HTTP_HX_REQUEST="true", HTTP_HX_TARGET="replay").content.decode()
    assert 'data-dialog="approve"' in shown
    assert '<dialog class="g-dialog" id="approve"' in shown

    owner.post(f"{REPLAYS}{replay.pk}/approve/")
    owner.post(f"{REPLAYS}{replay.pk}/approve/")

    replay.refresh_from_db()
    assert (replay.state, replay.rule_set.version) == ("applying", 2)  # type: ignore[union-attr]


def test_an_overtaken_replay_can_not_be_approved(project: Project, replay: Replay, owner: Client) -> None:
    rule_sets.publish(project, Rules(accept=0.7), "", None)

    shown = owner.get(f"{REPLAYS}{replay.pk}/").content.decode()
    owner.post(f"{REPLAYS}{replay.pk}/approve/")

    assert "Version 2 of the rules was published since" in shown
    assert 'data-dialog="approve"' not in shown
    replay.refresh_from_db()
    assert replay.state == "done"


def test_an_editor_cancels_but_does_not_approve(replay: Replay, editor: Client, viewer: Client) -> None:
    assert viewer.post(f"{REPLAYS}{replay.pk}/cancel/").status_code == 403
    assert editor.post(f"{REPLAYS}{replay.pk}/approve/").status_code == 403

    editor.post(f"{REPLAYS}{replay.pk}/cancel/")

    replay.refresh_from_db()
    assert replay.state == "canceled"
    assert "Nothing was changed" in editor.get(f"{REPLAYS}{replay.pk}/").content.decode()


def test_the_list_of_replays_says_what_each_found(replay: Replay, viewer: Client) -> None:
    shown = viewer.get(REPLAYS).content.decode()

    assert "1 install to another source, 1 decision in all" in shown
    assert "An hour" in shown


def test_without_a_replay_the_list_tells_how_to_make_one(project: Project, editor: Client) -> None:
    assert "Try a rule on the past" in editor.get(REPLAYS).content.decode()


def test_a_viewer_can_not_edit(project: Project, viewer: Client) -> None:
    assert viewer.get(f"{RULES}edit/").status_code == 403
    assert viewer.post(f"{RULES}edit/", form_of(publish="1")).status_code == 403


def test_a_stranger_finds_nothing(replay: Replay, stranger: Client) -> None:
    for path in (RULES, f"{RULES}edit/", f"{RULES}1/", REPLAYS, f"{REPLAYS}{replay.pk}/"):
        assert stranger.get(path).status_code == 404
    for deed in ("approve", "cancel"):
        assert stranger.post(f"{REPLAYS}{replay.pk}/{deed}/").status_code == 404


def test_what_counts_as_now_is_the_time_of_the_form(project: Project) -> None:
    now = timezone.now()

    found = replays.periods(project, now=now)

    assert list(found) == ["7d", "28d", "90d", "all"]
    assert all(period.since < period.until == now for period in found.values())
