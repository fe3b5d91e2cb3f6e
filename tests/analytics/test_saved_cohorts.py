"""Saved cohorts: kept by id, true after merges and erasures, shown, exported, narrowing other questions."""

import csv
import io

import pytest
from django.http import QueryDict
from django.utils import timezone

from analytics import cohorts
from analytics.analyses import trend
from analytics.models import Cohort, CohortPerson
from events.models import Identity, Person
from growthplatform.core.errors import InvalidField
from tests.analytics.stories import tell
from tests.scene import Scene, digest_all, make_scene, text_of, words_of


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    scene = make_scene()
    tell(scene.project, {name: [("2026-11-02T10:00:00Z", "Order")] for name in ("ada", "bob", "cleo")})
    return scene


def person(scene: Scene, value: str) -> int:
    return Identity.objects.get(project=scene.project, value=value).person_id


def keep(scene: Scene, *values: str, name: str = "Keen") -> Cohort:
    ids = [person(scene, value) for value in values]
    return cohorts.save(scene.project, name, "trend", "event=Order&day=2", iter(ids), None)


def test_people_are_kept_once_and_only_those_of_the_project(scene: Scene) -> None:
    other = make_scene()
    tell(other.project, {"eve": [("2026-11-02T10:00:00Z", "Order")]})
    ids = [person(scene, "ada"), person(scene, "ada"), person(other, "eve"), 2**60]

    cohort = cohorts.save(scene.project, "Keen", "trend", "event=Order", ids, None)

    assert cohort.size == 1
    assert cohorts.person_ids(scene.project, cohort.pk) == (person(scene, "ada"),)


def test_many_people_are_kept_in_parts(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohorts, "CHUNK", 2)

    assert keep(scene, "ada", "bob", "cleo").size == 3


def test_a_cohort_without_a_name_leaves_nothing(scene: Scene) -> None:
    with pytest.raises(InvalidField):
        keep(scene, "ada", name=" ")

    assert not Cohort.objects.exists()


def test_two_who_turn_out_to_be_one_stay_inside(scene: Scene) -> None:
    cohort = keep(scene, "bob", "cleo")

    scene.record({"type": "alias", "previousId": "cleo", "userId": "bob", "messageId": "join"})
    digest_all()

    assert cohorts.person_ids(scene.project, cohort.pk) == (person(scene, "bob"),)
    assert cohorts.people(cohort).count() == 1
    assert "1 of them are there now" in words_of(scene.viewer.get(scene.url(f"cohorts-saved/{cohort.pk}/")))


def test_a_person_that_is_erased_leaves_it(scene: Scene) -> None:
    cohort = keep(scene, "ada", "bob")

    Identity.objects.filter(value="ada").delete()

    assert cohorts.person_ids(scene.project, cohort.pk) == (person(scene, "bob"),)


def test_a_question_is_narrowed_to_its_people(scene: Scene) -> None:
    cohort = keep(scene, "ada", "bob")
    query = QueryDict(f"event=Order&event1.measure=people&from=2026-11-01&to=2026-11-07&cohort={cohort.pk}")

    result = trend.answer(scene.project, trend.parse(scene.project, query, now=timezone.now()))

    line = result.now.line("A", None)
    assert line
    assert line.total == 2


def test_a_cohort_that_is_not_there_is_said(scene: Scene) -> None:
    cohort, theirs = keep(scene, "ada"), cohorts.save(make_scene().project, "Theirs", "trend", "", [], None)
    cohorts.delete(cohort, now=timezone.now())

    for number in (cohort.pk, theirs.pk, 2**62):
        with pytest.raises(InvalidField, match="no such saved cohort"):
            cohorts.person_ids(scene.project, number)
    assert cohorts.person_ids(scene.project, None) is None


def test_the_list_and_the_page_show_who_is_inside(scene: Scene) -> None:
    cohort = keep(scene, "ada", "bob")
    Person.objects.filter(pk=person(scene, "ada")).update(traits={"email": "ada@example.com"})

    listed = words_of(scene.viewer.get(scene.url("cohorts-saved/"), {"q": "KEEN"}))
    page = text_of(scene.viewer.get(scene.url(f"cohorts-saved/{cohort.pk}/")))
    found = words_of(scene.viewer.get(scene.url(f"cohorts-saved/{cohort.pk}/"), {"q": "ada"}))

    assert "Keen" in listed
    assert "2 people" in page
    assert "cleo" not in page
    assert f"cohort={cohort.pk}" in page
    assert "1 person found" in found
    assert "bob" not in found


def test_the_people_come_as_a_file(scene: Scene) -> None:
    cohort = keep(scene, "ada", "bob")

    answer = scene.viewer.get(scene.url(f"cohorts-saved/{cohort.pk}/"), {"format": "csv", "sort": "first_seen"})

    rows = list(csv.DictReader(io.StringIO(text_of(answer))))
    assert {row["user_id"] for row in rows} == {"ada", "bob"}


def test_a_cohort_is_renamed_deleted_and_brought_back(scene: Scene) -> None:
    cohort = keep(scene, "ada")

    scene.owner.post(scene.url(f"cohorts-saved/{cohort.pk}/rename/"), {"name": "Keener"})
    scene.owner.post(scene.url(f"cohorts-saved/{cohort.pk}/delete/"))

    assert scene.owner.get(scene.url(f"cohorts-saved/{cohort.pk}/")).status_code == 404
    scene.owner.post(scene.url(f"cohorts-saved/{cohort.pk}/restore/"))
    assert "Keener" in text_of(scene.owner.get(scene.url(f"cohorts-saved/{cohort.pk}/")))
    assert CohortPerson.objects.count() == 1


@pytest.mark.parametrize("deed", ["rename", "delete", "restore"])
def test_a_viewer_changes_nothing(scene: Scene, deed: str) -> None:
    cohort = keep(scene, "ada")

    assert scene.viewer.post(scene.url(f"cohorts-saved/{cohort.pk}/{deed}/"), {"name": "x"}).status_code == 403
    assert scene.stranger.post(scene.url(f"cohorts-saved/{cohort.pk}/{deed}/"), {"name": "x"}).status_code == 404


def test_a_project_without_cohorts_is_told_how_they_come_to_be(scene: Scene) -> None:
    assert "Keep the people behind a number" in text_of(scene.viewer.get(scene.url("cohorts-saved/")))
