"""The page of models: the numbers of the API, in plain words, and weights of one's own that can be taken back."""

import csv
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.messages import get_messages
from django.test import Client

from attribution import crediting
from attribution.models import CreditModel
from attribution.views import models as model_views
from customers.models import Project
from tests.attribution.credit_rows import Step, journey, null
from tests.attribution.factories import NOON
from tests.factories import ProjectFactory

PAGE = "/dashboard/acme/models/"
GIVEN = {"name": "Clicks first", "base": "place", "first": "60", "middle": "20", "last": "20", "view": "0.25"}


@pytest.fixture(autouse=True)
def _a_day_later() -> Iterator[None]:
    with time_machine.travel(NOON + timedelta(hours=20), tick=False):
        yield


@pytest.fixture
def traffic(project: Project) -> None:
    """Three journeys of two sources, one organic install, one device that came to nothing."""
    for number in range(3):
        journey(
            project, [Step("tiktok", 5, "Winter"), Step("meta", 1, "Brand")], device_id=f"d-{number}", revenue=["4.00"]
        )
    journey(project)
    null(project, "looked", ["tiktok"])


def undo_of(answer: Any) -> str:
    [message] = get_messages(answer.wsgi_request)
    return message.extra_tags.removeprefix("undo:")


def test_the_page_shows_every_model_beside_the_rules_and_says_that_none_is_causal(
    editor: Client, traffic: None
) -> None:
    answer = editor.get(PAGE)

    text = answer.content.decode()
    assert "None of these models is causal" in text
    for label in ("First", "Last non-direct", "Time decay", "Position", "Markov", "Shapley", "Your rules"):
        assert label in text
    first = {row["channel"].source: row["cells"][0]["amount"] for row in answer.context["rows"]}
    assert first == {"tiktok": "3", "meta": "0"}
    assert (answer.context["organic"], answer.context["total"]) == ("1", "4")


def test_the_page_says_where_the_models_differ_most(editor: Client, traffic: None) -> None:
    said = editor.get(PAGE).context["said"]

    assert (said["model"], said["decided"], said["gives"]) in {("First", "3", "0"), ("First", "0", "3")}


def test_what_differs_from_the_rules_is_marked_and_what_does_not_is_not(editor: Client, traffic: None) -> None:
    rows = {row["channel"].source: row["cells"] for row in editor.get(PAGE).context["rows"]}

    assert rows["meta"][0] == {"amount": "0", "change": "−100%", "tint": "is-less heat-6", "extra": True}
    assert (rows["meta"][1]["change"], rows["meta"][1]["tint"]) == ("", "")
    assert rows["tiktok"][3]["change"] == "new"


@pytest.mark.parametrize("query", ["", "?by=campaign", "?measure=revenue", "?measure=conversions&by=campaign"])
def test_page_file_and_sums_are_the_same(editor: Client, project: Project, traffic: None, query: str) -> None:
    answer = editor.get(f"{PAGE}{query}")
    found = answer.context["found"]
    file = editor.get(f"{PAGE}{query}{'&' if query else '?'}format=csv")
    rows = list(csv.DictReader(b"".join(file.streaming_content).decode().splitlines()))

    assert [(row["source"], row["campaign"]) for row in rows[:-1]] == [tuple(row.channel) for row in found.rows]
    for column in found.columns:
        assert sum(float(row[column.name]) for row in rows) == pytest.approx(found.total, abs=1e-4)
    assert rows[-1]["source"] == "organic"


def test_a_name_is_never_a_formula_in_the_file(editor: Client, project: Project, traffic: None) -> None:
    crediting.save_model(project, "=HYPERLINK(1)", {})

    file = editor.get(PAGE, {"format": "csv"})

    assert "'=HYPERLINK(1)" in b"".join(file.streaming_content).decode().splitlines()[0]


def test_a_project_without_installs_is_told_how_to_begin(editor: Client) -> None:
    assert "Models compare journeys" in editor.get(PAGE).content.decode()


def test_a_period_without_installs_says_so_and_leads_on(editor: Client, traffic: None) -> None:
    answer = editor.get(PAGE, {"from": "2026-01-01", "to": "2026-01-02"})

    assert "Show the last 90 days" in answer.content.decode()


def test_many_installs_come_after_the_page_itself(
    editor: Client, traffic: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_views, "AT_ONCE", 2)

    first, rest = editor.get(PAGE), editor.get(PAGE, headers={"HX-Request": "true"})

    assert b"g-lazy" in first.content
    assert b"<h2>Side by side" not in first.content
    assert b"<h2>Side by side" in rest.content
    assert b"<html" not in rest.content


def test_too_many_touches_are_a_clear_answer(editor: Client, traffic: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("attribution.journeys.MOST_TOUCHES", 1)

    answer = editor.get(PAGE, {"range": "7d"})

    assert answer.status_code == 200
    assert b"Choose a shorter one" in answer.content


def test_an_unknown_choice_is_the_usual_one(editor: Client, traffic: None) -> None:
    answer = editor.get(PAGE, {"by": "moon", "measure": "cheese"})

    assert (answer.context["by"], answer.context["measure"]) == ("source", "installs")


def test_a_stranger_sees_nothing(stranger: Client, project: Project) -> None:
    assert stranger.get(PAGE).status_code == 404


def test_own_weights_become_a_column_and_can_be_taken_back(editor: Client, project: Project, traffic: None) -> None:
    answer = editor.post(f"{PAGE}create/", GIVEN)

    assert answer.status_code == 302
    assert CreditModel.objects.get().settings["view"] == 0.25
    assert editor.get(PAGE).context["found"].columns[-1].label == "Clicks first"
    editor.post(undo_of(answer))
    assert not CreditModel.objects.exists()
    assert editor.get(PAGE).context["found"].columns[-1].label == "Shapley"


def test_a_change_can_be_taken_back(editor: Client, project: Project) -> None:
    model = crediting.save_model(project, "Mine", {"first": 70})

    answer = editor.post(f"{PAGE}{model.pk}/edit/", {**GIVEN, "name": "Other", "base": "equal", "half_life_days": "3"})
    model.refresh_from_db()
    assert (model.name, model.settings["equal"], model.settings["half_life_days"]) == ("Other", True, 3.0)

    editor.post(undo_of(answer))
    model.refresh_from_db()
    assert (model.name, model.settings["first"], model.settings["equal"]) == ("Mine", 70, False)


def test_a_deletion_can_be_taken_back(editor: Client, project: Project) -> None:
    model = crediting.save_model(project, "Mine", {"first": 70})

    answer = editor.post(f"{PAGE}{model.pk}/delete/")
    assert not CreditModel.objects.exists()

    editor.post(undo_of(answer))
    assert CreditModel.objects.get().settings["first"] == 70


def test_undo_is_of_its_own_project_and_not_to_be_made_up(editor: Client, project: Project) -> None:
    assert editor.post(f"{PAGE}undo/made-up/").status_code == 404
    other = ProjectFactory(organization=project.organization, slug="other")
    model = crediting.save_model(project, "Mine", {})
    undo = undo_of(editor.post(f"{PAGE}{model.pk}/delete/"))

    assert editor.post(undo.replace("/acme/", "/other/")).status_code == 404
    assert not other.credit_models.exists()


def test_an_undo_that_no_longer_fits_says_so(editor: Client, project: Project) -> None:
    model = crediting.save_model(project, "Mine", {})
    undo = undo_of(editor.post(f"{PAGE}{model.pk}/delete/"))
    crediting.save_model(project, "Mine", {"first": 1})

    answer = editor.post(undo, follow=True)

    assert "It could not be undone" in answer.content.decode()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "Markov"}, "name"),
        ({"first": "much"}, "first"),
        ({"first": "0", "middle": "0", "last": "0"}, "first"),
        ({"view": "2"}, "view"),
        ({"half_life_days": "-1"}, "half_life_days"),
        ({"last": "nan"}, "last"),
    ],
)
def test_a_wrong_weight_is_said_beside_its_field_and_nothing_is_lost(
    editor: Client, change: dict[str, str], field: str
) -> None:
    answer = editor.post(f"{PAGE}create/", {**GIVEN, **change})

    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert answer.context["form"]["middle"].value() == change.get("middle", "20")
    assert not CreditModel.objects.exists()


def test_a_taken_name_is_said_beside_the_name(editor: Client, project: Project) -> None:
    crediting.save_model(project, "Clicks first", {})

    assert "name" in editor.post(f"{PAGE}create/", GIVEN).context["form"].errors


def test_the_preview_shares_an_example_journey_while_it_is_typed(editor: Client) -> None:
    good = editor.post(f"{PAGE}check/", {**GIVEN, "name": ""}).content.decode()
    bad = editor.post(f"{PAGE}check/", {**GIVEN, "first": "x"}).content.decode()

    shares = [float(one) for one in re.findall(r"g-figure\">([\d.]+)%", good)]
    assert sum(shares) == pytest.approx(100, abs=0.2)
    assert shares[0] > shares[3] > shares[2] > shares[1]
    assert "Fill in the weights" in bad


def test_the_form_starts_with_what_is_kept(editor: Client, project: Project) -> None:
    model = crediting.save_model(project, "Mine", {"equal": True, "half_life_days": 2, "view": 0})

    answer = editor.get(f"{PAGE}{model.pk}/edit/")

    assert (answer.context["form"]["base"].value(), answer.context["form"]["view"].value()) == ("equal", 0)
    assert answer.context["preview"][3]["share"] > 0.5


def test_a_viewer_looks_but_does_not_change(viewer: Client, project: Project, traffic: None) -> None:
    model = crediting.save_model(project, "Mine", {})

    assert viewer.get(PAGE).status_code == 200
    for path in ("create/", f"{model.pk}/edit/", f"{model.pk}/delete/", "check/"):
        assert viewer.post(f"{PAGE}{path}", GIVEN).status_code == 403
    assert CreditModel.objects.get().name == "Mine"


def test_another_projects_model_does_not_exist(editor: Client) -> None:
    theirs = crediting.save_model(ProjectFactory(), "Theirs", {})

    assert editor.get(f"{PAGE}{theirs.pk}/edit/").status_code == 404
    assert editor.post(f"{PAGE}{theirs.pk}/delete/").status_code == 404


def test_a_decisions_page_leads_to_how_each_model_shares_it(editor: Client, project: Project) -> None:
    decision = journey(project, [Step("tiktok", 5, "Winter"), Step("meta", 1, "Brand")])

    detail = editor.get(f"/dashboard/acme/installs/dec_{decision.pk}/").content.decode()
    part = editor.get(f"{PAGE}installs/{decision.pk}/").content.decode()

    assert f"{PAGE}installs/{decision.pk}/" in detail
    alike = ["50"] * 5
    assert re.findall(r'is-num">(\d+)%', part) == ["100", "0", "0", *alike, "0", "100", "100", *alike]


def test_what_nothing_brought_has_nothing_to_share(editor: Client, project: Project) -> None:
    decision = journey(project)

    assert "nothing to share" in editor.get(f"{PAGE}installs/{decision.pk}/").content.decode()


def test_a_strangers_decision_has_no_credit_to_show(editor: Client) -> None:
    theirs = journey(ProjectFactory(), ["tiktok"])

    assert editor.get(f"{PAGE}installs/{theirs.pk}/").status_code == 404
