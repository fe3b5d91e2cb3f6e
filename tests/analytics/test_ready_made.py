"""Ready-made views: matched to what a project really sends, and filled to questions that can be asked."""

import pytest
from django.http import QueryDict
from django.utils import timezone

from analytics import ready_made
from analytics.analyses import analysis
from analytics.ready_made import Filled, Template
from customers.models import Project
from growthplatform.core.errors import InvalidField
from tests.analytics.stories import tell
from tests.factories import ProjectFactory

AT = "2026-11-01T10:00:00Z"


@pytest.fixture
def project(transactional_db: None) -> Project:
    return ProjectFactory()


def of(key: str) -> Template:
    found = ready_made.template(key)
    assert found
    return found


def test_events_are_matched_however_a_product_spells_them(project: Project) -> None:
    names = ["Page: Home", "user_signed_up", "emailVerified", "video created", "Subscription started", "Button Clicked"]
    tell(project, {"ada": [(AT, name) for name in names]})

    assert ready_made.chosen(project, of("visitor-to-pro")) == {
        "visitor": "Page: *",
        "signup": "user_signed_up",
        "verified": "emailVerified",
        "first_video": "video created",
        "pro": "Subscription started",
    }
    assert ready_made.coverage(project, of("visitor-to-pro")) == 1


def test_each_suggestion_has_a_score_and_the_likeliest_is_first(project: Project) -> None:
    tell(project, {"ada": [(AT, "Signed Up"), (AT, "Signup Started"), (AT, "Video Watched")]})

    found = ready_made.suggestions(project, of("signup"))

    assert found["signup"][0].name == "Signed Up"
    assert found["signup"][0].score == 1
    assert found["signup_started"][0].name == "Signup Started"
    assert found["visitor"] == []


def test_no_event_is_taken_for_two_steps(project: Project) -> None:
    tell(project, {"ada": [(AT, "Video Published"), (AT, "Signed Up")]})

    found = ready_made.chosen(project, of("first-video"))

    assert sorted(found.values()) == ["Signed Up", "Video Published"]


def test_a_project_that_sends_other_things_gets_no_suggestion(project: Project) -> None:
    tell(project, {"ada": [(AT, "Turbine Stopped")]})

    assert all(ready_made.chosen(project, one) == {} for one in ready_made.TEMPLATES)


def test_a_funnel_is_filled_with_the_chosen_events_in_order() -> None:
    chosen = {"visitor": "Page: *", "signup": "Joined & paid", "first_video": "Clip", "pro": "Paid", "verified": ""}

    assert ready_made.fill(of("visitor-to-pro"), chosen) == [
        Filled(
            "Visitor to Pro",
            "funnel",
            "step=Page%3A+%2A&step=Joined+%26+paid&step=Clip&step=Paid&window=30d&range=90d",
        )
    ]


def test_features_are_filled_with_those_that_there_are() -> None:
    assert ready_made.fill(of("features"), {"templates": "Template Used", "export": "Exported"}) == [
        Filled("Feature adoption", "adoption", "event=Template+Used&event=Exported&range=90d"),
        Filled(
            "Features used", "trend", "event=Template+Used&event=Exported&event1.measure=people&event2.measure=people"
        ),
    ]


def test_an_event_that_is_needed_is_asked_for_by_name() -> None:
    with pytest.raises(InvalidField) as refused:
        ready_made.fill(of("visitor-to-pro"), {"visitor": "Page: *"})
    assert refused.value.detail == [{"field": "signup", "message": "choose the event that means “Signup”."}]

    with pytest.raises(InvalidField):
        ready_made.fill(of("features"), {})


@pytest.mark.parametrize("found", ready_made.TEMPLATES, ids=lambda one: one.key)
def test_every_template_makes_questions_that_can_be_read(project: Project, found: Template) -> None:
    for view in ready_made.fill(found, {wanted.key: wanted.names[0] for wanted in found.wanted}):
        module = analysis(view.kind)
        assert module
        module.parse(project, QueryDict(view.query), now=timezone.now())


def test_keys_are_told_apart() -> None:
    assert len({one.key for one in ready_made.TEMPLATES}) == len(ready_made.TEMPLATES)
    assert ready_made.template("nothing") is None
