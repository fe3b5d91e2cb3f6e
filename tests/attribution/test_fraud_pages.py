"""The pages of fraud, the partner's page and the API; and who may not."""

import csv
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from attribution.fraud import effects
from attribution.fraud.catalogue import RULES
from attribution.models import Decision, EvidenceShare, FraudFlag, RuleSet
from customers.models import Project
from tests.attribution.conftest import Api, decided
from tests.attribution.factories import TouchFactory

PAGE = "/dashboard/acme/fraud/"


def flag(project: Project, **fields: object) -> FraudFlag:
    given = {
        "code": "ctit_flat",
        "source": "shady",
        "publisher": "p1",
        "since": timezone.now() - timedelta(days=3),
        "evidence": {
            "value": 0.1, "threshold": 0.4, "installs": 60, "times": [0] * 9 + [60] + [0] * 9, "p": 1e-9,
            "othersTimes": [5] * 19, "distance": 0.6,
        },
    }  # fmt: skip
    return FraudFlag.objects.create(project=project, **{**given, **fields})


def struck(project: Project, name: str = "m-1", **fields: object) -> Decision:
    """Make an install one second after its click, which a rule blocks."""
    at = timezone.now().replace(microsecond=0) - timedelta(hours=2)
    TouchFactory(
        project=project, touch_id=f"click-{name}", source="shady", publisher="p1", network_click_id="net-7",
        ip="192.0.2.9", ts=at - timedelta(seconds=1), **fields,
    )  # fmt: skip
    return decided(project, name, at=at, click_id=f"click-{name}")


def test_the_page_shows_every_rule_with_what_it_struck(editor: Client, project: Project) -> None:
    struck(project)
    flag(project)

    answer = editor.get(PAGE)

    page = answer.content.decode()
    assert answer.status_code == 200
    assert all(rule.name in page for rule in RULES if "'" not in rule.name)
    assert "Flat click-to-install times" in page
    lines = {line.rule.code: line for _, lines in answer.context["levels"] for line in lines}
    assert (lines["ctit_short"].tally.installs, lines["ctit_short"].tally.blocked) == (1, 1)
    assert lines["ctit_quick"].tally.installs == 0


def test_a_project_without_anything_is_told_so(editor: Client, project: Project) -> None:
    page = editor.get(PAGE).content.decode()

    assert "No source or publisher looks wrong now" in page
    assert "No list of data centres is loaded" in page


def test_the_file_names_value_and_threshold_of_each_case(editor: Client, project: Project) -> None:
    struck(project)

    answer = editor.get(PAGE, {"format": "csv"})

    [row] = csv.DictReader(b"".join(answer.streaming_content).decode().splitlines())  # type: ignore[attr-defined]
    assert (row["code"], row["value"], row["threshold"], row["action"]) == ("ctit_short", "1.0", "2.0", "block")
    assert (row["source"], row["publisher"], row["network_click_id"]) == ("shady", "p1", "net-7")


@pytest.mark.parametrize("code", [rule.code for rule in RULES])
def test_every_rule_has_a_page_and_an_effect(editor: Client, project: Project, code: str) -> None:
    struck(project)

    rule = editor.get(f"{PAGE}rules/{code}/")
    effect = editor.get(f"{PAGE}rules/{code}/effect/", {"threshold": "3"})

    assert rule.status_code == effect.status_code == 200
    assert "can’t be shown" not in effect.content.decode()


def test_the_effect_follows_the_number_typed(editor: Client, project: Project) -> None:
    struck(project)

    tried = editor.get(f"{PAGE}rules/ctit_short/effect/", {"threshold": "0,5"}).content.decode()
    wrong = editor.get(f"{PAGE}rules/ctit_short/effect/", {"threshold": "soon"}).content.decode()

    assert "At <b>0.5 s</b> it strikes <b>0</b> of 1 install" in tried
    assert "At <b>2 s</b> it strikes <b>1</b> of 1 install" in wrong


def test_old_clicks_are_measured_up_to_their_last_install(editor: Client, project: Project) -> None:
    at = timezone.now() - timedelta(days=400)
    TouchFactory(project=project, touch_id="old", source="shady", ts=at - timedelta(seconds=5))
    decided(project, "old", at=at, click_id="old")

    page = editor.get(f"{PAGE}rules/ctit_quick/").content.decode()
    effect = editor.get(f"{PAGE}rules/ctit_quick/effect/").content.decode()

    assert "the last with installs" in page
    assert "strikes <b>1</b> of 1 install" in effect


def test_what_takes_too_long_is_said(editor: Client, project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(effects.MEASURED, "ctit_short", "SELECT 1, '', true, 1 FROM pg_sleep(2), looked")
    monkeypatch.setattr(effects, "PATIENCE_MS", 50)
    struck(project)

    page = editor.get(f"{PAGE}rules/ctit_short/effect/").content.decode()

    assert "There is too much traffic to look at" in page
    assert editor.get(f"{PAGE}rules/ctit_quick/effect/").status_code == 200


def test_publishing_a_threshold_makes_the_next_version(editor: Client, project: Project) -> None:
    editor.get(PAGE)

    answer = editor.post(f"{PAGE}rules/ctit_flat/", {"action": "block", "threshold": "35", "base": "1"}, follow=True)

    newest = RuleSet.objects.get(project=project, version=2)
    assert newest.rules["fraud"] == {"ctit_flat": {"action": "block", "threshold": 0.35}}
    assert newest.created_by is not None
    assert "version 2 of the rules" in answer.content.decode()


def test_a_rule_can_differ_for_one_source_and_go_back(editor: Client, project: Project) -> None:
    struck(project)
    address = f"{PAGE}rules/ctit_short/?source=shady"
    editor.get(address)

    editor.post(address, {"action": "flag", "threshold": "1", "base": "1"})
    page = editor.get(address)
    everybody = editor.get(f"{PAGE}rules/ctit_short/")
    effect = editor.get(f"{PAGE}rules/ctit_short/effect/?source=other").content.decode()
    editor.post(address, {"action": "block", "threshold": "2"})

    first, last = (RuleSet.objects.get(project=project, version=number) for number in (2, 3))
    assert first.rules["sources"] == {"shady": {"fraud": {"ctit_short": {"action": "flag", "threshold": 1}}}}
    assert first.rules["fraud"] == {}
    assert "The rule for Shady" in page.content.decode()
    assert (page.context["line"].threshold, everybody.context["line"].threshold) == (1, 2)
    assert everybody.context["special"] == ["shady"]
    assert "strikes <b>0</b> of 1 install" in effect
    assert last.rules["sources"] == {}


def test_a_rule_about_installs_is_the_same_for_all_sources(editor: Client, project: Project) -> None:
    editor.post(f"{PAGE}rules/device_farm/?source=shady", {"action": "off", "threshold": "10"})

    newest = RuleSet.objects.get(project=project, version=2)
    assert (newest.rules["sources"], newest.rules["fraud"]["device_farm"]["action"]) == ({}, "off")


def test_a_wrong_threshold_is_said_beside_the_field(editor: Client, project: Project) -> None:
    for text in ("140", "-1", "many"):
        answer = editor.post(f"{PAGE}rules/ctit_flat/", {"action": "block", "threshold": text})
        assert answer.status_code == 422
        assert b"Give a share" in answer.content
        assert f'value="{text}"'.encode() in answer.content
    assert not RuleSet.objects.filter(project=project, version=2).exists()
    assert editor.post(f"{PAGE}rules/ua_bot/", {"action": "off"}).status_code == 422
    assert editor.post(f"{PAGE}rules/ctit_flat/", {"action": "burn"}).status_code == 422


def test_a_flag_shows_its_evidence_and_can_be_dismissed_and_restored(editor: Client, project: Project) -> None:
    one = flag(project)
    address = f"{PAGE}flags/{one.pk}/"

    page = editor.get(address)
    editor.post(f"{address}dismiss/")
    one.refresh_from_db()
    dismissed = one.dismissed_at, one.dismissed_by
    after = editor.get(address).content.decode()
    editor.post(f"{address}restore/")
    one.refresh_from_db()

    said = "<b>10%</b> of its installs came within an hour of the click; the rule strikes below <b>40%</b>"
    assert said in page.content.decode()
    assert page.context["figure"].columns == ["Time since the click", "This one", "All others"]
    assert all(dismissed)
    assert "Take the dismissal back" in after
    assert one.dismissed_at is None


def test_a_partner_sees_its_own_clicks_and_nobodys_data(editor: Client, client: Client, project: Project) -> None:
    struck(project)
    TouchFactory(project=project, source="other")
    flag(project)
    flag(project, source="other", publisher="secret-publisher")

    shared = editor.post(f"{PAGE}shares/", {"source": "shady"}).content.decode()
    token = re.findall(r"/evidence/([\w-]+)/", shared)[0]
    answer = client.get(f"/evidence/{token}/")
    file = client.get(f"/evidence/{token}/", {"format": "csv"})

    page = answer.content.decode()
    assert answer.status_code == 200
    assert "net-7" in page
    assert "p1" in page
    assert "secret-publisher" not in page
    assert "192.0.2.9" not in page
    assert "anon-m-1" not in page
    assert "all others" not in page
    assert answer["X-Robots-Tag"] == "noindex, nofollow"
    [row] = csv.DictReader(b"".join(file.streaming_content).decode().splitlines())  # type: ignore[attr-defined]
    assert "decision" not in row
    assert token not in EvidenceShare.objects.get().token_hash
    editor.post(f"{PAGE}shares/{EvidenceShare.objects.get().pk}/close/")
    assert client.get(f"/evidence/{token}/").status_code == 404
    assert client.get("/evidence/guessed/").status_code == 404


def test_evidence_of_an_unknown_source_is_not_shared(editor: Client, project: Project) -> None:
    answer = editor.post(f"{PAGE}shares/", {"source": "nobody"}, follow=True)

    assert "Choose a source that has sent clicks" in answer.content.decode()
    assert not EvidenceShare.objects.exists()


def test_viewers_look_but_change_nothing(viewer: Client, project: Project) -> None:
    one = flag(project)

    assert viewer.get(PAGE).status_code == 200
    assert viewer.get(f"{PAGE}rules/ctit_flat/").status_code == 200
    for address in ("rules/ctit_flat/", f"flags/{one.pk}/dismiss/", f"flags/{one.pk}/restore/", "shares/"):
        assert viewer.post(PAGE + address, {"action": "off", "source": "shady"}).status_code == 403


def test_a_stranger_finds_nothing(stranger: Client, project: Project) -> None:
    one = flag(project)

    for address in ("", "rules/ctit_flat/", "rules/ctit_flat/effect/", f"flags/{one.pk}/"):
        assert stranger.get(PAGE + address).status_code == 404


def test_what_does_not_exist_is_404(editor: Client, project: Project) -> None:
    theirs = flag(struck_elsewhere())

    for address in ("rules/nonsense/", "rules/nonsense/effect/", f"flags/{theirs.pk}/"):
        assert editor.get(PAGE + address).status_code == 404


def struck_elsewhere() -> Project:
    return TouchFactory().project


def test_the_api_lists_flags(api: Api) -> None:
    one = flag(api.project)
    flag(api.project, source="old", until=timezone.now() - timedelta(hours=1))
    flag(TouchFactory().project)

    up = api("GET", "/v1/fraud/flags").json()
    everything = api("GET", "/v1/fraud/flags?state=all").json()
    old = api("GET", "/v1/fraud/flags?state=all&source=old").json()

    assert [row["id"] for row in up["results"]] == [f"flg_{one.pk}"]
    assert (up["results"][0]["value"], up["results"][0]["threshold"]) == (0.1, 0.4)
    assert len(everything["results"]) == 2
    assert [row["source"] for row in old["results"]] == ["old"]


def test_the_api_refuses_what_it_cannot_read(api: Api) -> None:
    assert api("GET", "/v1/fraud/flags?state=down").status_code == 400
    assert api("GET", "/v1/fraud/flags?code=nonsense").json()["detail"][0]["field"] == "code"
    assert api("GET", "/v1/fraud/flags", key="").status_code == 401
