"""Explorer: the question in the address, its result, the people behind it, and what may not be asked."""

import csv
import io
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from django.http import HttpResponse, QueryDict
from django.test import Client
from django.utils import timezone

from analytics import builder
from analytics.analyses.base import Part
from analytics.models import Annotation, Cohort
from events.engine.answers import TooSlow
from events.services import Relation
from tests.analytics.stories import tell
from tests.scene import Scene, make_scene, text_of, words_of

pytestmark = pytest.mark.django_db(transaction=True)
FRAGMENT = {"HTTP_HX_REQUEST": "true"}


@pytest.fixture
def scene() -> Scene:
    """Three people who signed up in the last days, two on pro."""
    scene = make_scene()
    for name, plan in (("ada", "pro"), ("bob", "free"), ("eve", "pro")):
        scene.record({"type": "identify", "userId": name, "traits": {"name": name.title()}, "messageId": f"i-{name}"})
        at = (timezone.now() - timedelta(days=2)).astimezone(UTC).isoformat()
        tell(scene.project, {name: [(at, "Signed Up", {"plan": plan})]})
    return scene


def asked(scene: Scene, query: str, *, client: Client | None = None, **headers: str) -> HttpResponse:
    return (client or scene.owner).get(scene.url(f"explore/trend/?{query}"), **(FRAGMENT | headers))


def test_the_index_leads_to_every_analysis(scene: Scene) -> None:
    answer = scene.owner.get(scene.url("explore/"))

    assert answer.status_code == 200
    assert scene.url("explore/trend/") in text_of(answer)
    assert "How many people signed up each week" in words_of(answer)


def test_a_project_without_events_is_led_to_the_install_guide() -> None:
    scene = make_scene()

    for place in ("explore/", "explore/trend/"):
        assert "Questions need events" in words_of(scene.owner.get(scene.url(place)))


def test_a_stranger_finds_nothing(scene: Scene) -> None:
    for place in ("explore/", "explore/trend/", "explore/trend/people/?event=Signed+Up"):
        assert scene.stranger.get(scene.url(place)).status_code == 404
    assert scene.owner.get(scene.url("explore/weather/")).status_code == 404


def test_the_page_comes_at_once_and_asks_for_its_result(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Relation, "run", lambda *_: pytest.fail("the page itself counts nothing"))

    page = text_of(scene.owner.get(scene.url("explore/trend/?event=Signed+Up&event1.where=plan:is:pro|team")))

    assert 'id="result" aria-busy="true"' in page
    assert 'value="Signed Up"' in page
    assert 'data-token="team"' in page


def test_the_result_is_a_fragment_of_the_same_address(scene: Scene) -> None:
    answer = asked(scene, "event=Signed+Up&event1.measure=people")

    assert "<html" not in text_of(answer)
    assert answer["X-Answer"] == "result"
    assert "HX-Request" in answer["Vary"]
    assert "How this is counted" in words_of(answer)
    assert "SELECT" in text_of(answer)


def test_only_a_changed_question_draws_range_and_analyses_again(scene: Scene) -> None:
    first, changed = (asked(scene, "event=Signed+Up", **more) for more in ({}, {"HTTP_X_EXPLORE": "changed"}))

    assert 'id="bar"' not in text_of(first)
    assert 'id="bar" hx-swap-oob="true"' in text_of(changed)


def test_filters_and_period_go_along_to_another_analysis_and_into_the_dates(scene: Scene) -> None:
    page = text_of(scene.owner.get(scene.url("explore/trend/?event=Signed+Up&where=plan:is:pro&where=a:set&range=90d")))

    assert f"{scene.url('explore/trend/')}?range=90d&amp;where=plan%3Ais%3Apro&amp;where=a%3Aset" in page
    assert page.count('<input type="hidden" name="where"') == 2


def test_a_question_that_is_not_begun_is_taught_and_one_that_is_wrong_says_where(scene: Scene) -> None:
    begun, wrong = asked(scene, ""), asked(scene, "event=Signed+Up&event1.measure=sum")

    assert begun.status_code == 200
    assert "Begin with one of your events" in words_of(begun)
    assert wrong.status_code == 422
    assert "event1.of" in orjson.loads(wrong["HX-Trigger"])["question"]["wrong"]
    assert "Almost a question" in words_of(wrong)
    page = scene.owner.get(scene.url("explore/trend/?event=Signed+Up&event1.measure=sum"))
    assert page.status_code == 200
    assert "is-wrong" in text_of(page)


@pytest.mark.parametrize(
    "query", ["event=a%00b", "event=Signed+Up&where=plan", "event=Signed+Up&cohort=99", "event=A&by="]
)
def test_whatever_stands_in_the_address_gets_an_answer(scene: Scene, query: str) -> None:
    assert asked(scene, query).status_code in {200, 422}
    assert scene.owner.get(scene.url(f"explore/trend/?{query}&view=x&top=no")).status_code == 200


def test_an_unknown_event_is_suggested_to_be_another(scene: Scene) -> None:
    answer = asked(scene, "event=Signd+Up&where=plan:is:pro")

    said = words_of(answer)
    assert "Did you mean “Signed Up”?" in said
    assert 'href="?event=Signed+Up&amp;where=plan%3Ais%3Apro"' in text_of(answer)
    assert "Nothing in these days" in said


def test_a_refusal_of_the_engine_is_a_sentence(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object, **__: object) -> None:
        raise TooSlow

    monkeypatch.setattr(Relation, "run", slow)

    answer = asked(scene, "event=Signed+Up")

    assert (answer.status_code, answer["X-Answer"]) == (503, "result")
    assert "takes longer than is allowed" in words_of(answer)


def test_annotations_stand_on_the_chart_and_below_it(scene: Scene) -> None:
    Annotation.objects.create(
        project=scene.project, kind="deploy", text="4.12.0", at=timezone.now() - timedelta(days=3)
    )
    Annotation.objects.create(project=scene.project, kind="note", text="Long ago", at=datetime(2024, 1, 1, tzinfo=UTC))

    page = text_of(asked(scene, "event=Signed+Up"))

    assert '"short": "4.12.0"' in page
    assert "Happened in this period" in page
    assert "Long ago" not in page


def test_the_numbers_are_a_file(scene: Scene) -> None:
    answer = scene.owner.get(scene.url("explore/trend/?event=Signed+Up&format=csv"))

    assert answer["Content-Type"].startswith("text/csv")
    assert len(list(csv.reader(io.StringIO(text_of(answer))))) > 7
    assert scene.owner.get(scene.url("explore/trend/?format=csv")).status_code == 404


def test_people_stand_behind_a_result(scene: Scene) -> None:
    place = "explore/trend/people/?event=Signed+Up&event1.where=plan:is:pro&series=A"

    answer = scene.owner.get(scene.url(place), **FRAGMENT)

    said = words_of(answer)
    assert "2 people" in said
    assert "Ada" in said
    assert "Bob" not in said
    assert f"{scene.url('explore/trend/')}?event=Signed+Up&amp;event1.where=plan%3Ais%3Apro" in text_of(
        scene.owner.get(scene.url(place))
    )
    found = words_of(scene.owner.get(scene.url(place + "&q=Ev"), **FRAGMENT))
    assert "1 of 2 people found" in found
    assert "Ada" not in found
    rows = list(csv.DictReader(io.StringIO(text_of(scene.owner.get(scene.url(place + "&format=csv"))))))
    assert sorted(row["user_id"] for row in rows) == ["ada", "eve"]


def test_the_page_of_people_comes_at_once_and_a_refusal_is_said_in_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*_: object, **__: object) -> None:
        raise TooSlow

    monkeypatch.setattr(Relation, "run", slow)
    place = scene.url("explore/trend/people/?event=Signed+Up")

    assert "People who did “Signed Up”" in words_of(scene.owner.get(place))
    assert "takes longer than is allowed" in words_of(scene.owner.get(place, **FRAGMENT))
    assert "takes longer than is allowed" in words_of(scene.owner.get(place + "&format=csv"))
    assert "Not saved. This question" in words_of(scene.owner.post(place, {"name": "Payers"}, follow=True))


@pytest.mark.parametrize("place", ["event=Signed+Up&series=Z", "", "event=Signed+Up&cursor=x"])
def test_a_place_that_cannot_be_is_not_found(scene: Scene, place: str) -> None:
    assert scene.owner.get(scene.url(f"explore/trend/people/?{place}"), **FRAGMENT).status_code == 404


def test_people_are_kept_as_a_cohort_and_narrow_a_question_down(scene: Scene) -> None:
    place = scene.url("explore/trend/people/?event=Signed+Up&event1.where=plan:is:pro&series=A")

    answer = scene.owner.post(place, {"name": "Payers"})

    cohort = Cohort.objects.get()
    assert answer.status_code == 302
    assert (cohort.name, cohort.kind, cohort.size) == ("Payers", "trend", 2)
    behind = scene.owner.get(scene.url(f"explore/trend/people/?event=Signed+Up&cohort={cohort.pk}"), **FRAGMENT)
    assert "2 people" in words_of(behind)
    assert "Payers (2)" in words_of(scene.owner.get(scene.url("explore/trend/")))


def test_a_viewer_looks_but_keeps_nothing(scene: Scene) -> None:
    place = scene.url("explore/trend/people/?event=Signed+Up")

    assert "Save as cohort" not in words_of(scene.viewer.get(place))
    assert scene.viewer.post(place, {"name": "Payers"}).status_code == 403
    assert "Save view" not in words_of(scene.viewer.get(scene.url("explore/trend/?event=Signed+Up")))
    assert not Cohort.objects.exists()


def test_a_cohort_without_a_name_is_not_kept(scene: Scene) -> None:
    place = scene.url("explore/trend/people/?event=Signed+Up")

    answer = scene.owner.post(place, {"name": " "}, follow=True)

    assert "Not saved. Give it a name." in words_of(answer)
    assert not Cohort.objects.exists()


def test_a_running_question_is_ended(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[str] = []
    monkeypatch.setattr("events.services.cancel_question", ended.append)
    ticket = "0b7c9d9e-3f0a-4b55-9a55-d3cf35ae8f52"

    answers = [scene.owner.post(scene.url("explore/cancel/"), {"ticket": one}) for one in (ticket, "short", "")]

    assert [answer.status_code for answer in answers] == [204, 204, 204]
    assert ended == [ticket]
    assert scene.stranger.post(scene.url("explore/cancel/"), {"ticket": ticket}).status_code == 404


PARTS = [
    Part("step", "Steps", "steps", extra={"least": 2}),
    Part("window", "Within", "span", usual="7d"),
    Part("order", "Order", "choice", choices=(("sequential", "in this order"), ("any", "in any order"))),
    Part("start", "First", "event", usual="*"),
    Part("of", "Of", "property", extra={"only_if": ("order", ("any",))}),
    Part("eligible", "Eligible", "filters"),
]


def read(query: str) -> dict[str, builder.Control]:
    return {one.part.name: one for one in builder.controls(PARTS, QueryDict(query))}


def test_the_builder_says_what_the_address_says() -> None:
    found = read("step=A&step=B&step2.where=plan:is:pro|team&window=12h&order=any&start=Page: *&eligible=x:set")

    assert [row.event for row in found["step"].rows] == ["A", "B"]
    assert [one.words for one in found["step"].rows[1].conditions] == ["plan is pro or team"]
    assert (found["window"].amount, found["window"].unit) == ("12", "h")
    assert found["of"].visible
    assert found["start"].rows[0].title == "Any page"
    assert [one.words for one in found["eligible"].conditions] == ["x is set"]


def test_the_builder_shows_what_is_usual_where_the_address_is_silent_and_refuses_nothing() -> None:
    empty = read("")

    assert [row.event for row in empty["step"].rows] == ["", ""]
    assert (empty["window"].amount, empty["window"].unit, empty["order"].value) == ("7", "d", "sequential")
    assert not empty["of"].visible
    assert read("window=soon&step=A&step1.where=&where=::::&eligible=plan")["eligible"].conditions[0].path == "plan"


def test_a_refusal_stands_beside_its_field() -> None:
    found = builder.controls(PARTS, QueryDict(""), wrong={"step2.where": "is no filter.", "steps": "no part"})

    assert [one.wrong for one in found[:2]] == ["is no filter.", ""]


def test_a_question_is_said_in_words() -> None:
    query = QueryDict("step=Signed Up&step=First Video&order=any&where=plan:not:free&by=country")

    assert builder.in_words(builder.controls(PARTS, query), query) == (
        "Signed Up → First Video, in any order, plan is not free, by country"
    )
