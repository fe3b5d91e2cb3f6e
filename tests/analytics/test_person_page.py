"""The list of people and the page of one person."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from attribution.models import Install
from events.models import Identity, Person
from tests.scene import Scene, digest_all, make_scene, text_of, words_of

Counter = Callable[..., Any]


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    """Ada, who signed up after a visit, and somebody who did not."""
    scene = make_scene()
    scene.record(
        {"type": "page", "name": "Pricing", "anonymousId": "device-7", "messageId": "1", "timestamp": "2026-11-10T23:30:00Z"},  # noqa: E501
        {
            "type": "identify", "userId": "ada", "anonymousId": "device-7", "messageId": "2",
            "traits": {"name": "Ada Lovelace", "email": "ada@example.com"}, "timestamp": "2026-11-11T09:00:00Z",
        },
        {"type": "track", "event": "Signed Up", "userId": "ada", "messageId": "3", "timestamp": "2026-11-11T09:00:01Z"},
        {"type": "track", "event": "Opened", "anonymousId": "device-9", "messageId": "4", "timestamp": "2026-11-12T09:00:00Z"},  # noqa: E501
    )  # fmt: skip
    digest_all()
    return scene


def person(scene: Scene, value: str) -> Person:
    return Identity.objects.get(project=scene.project, value=value).person


def test_the_list_shows_one_row_for_each_person_seen_last_first(scene: Scene) -> None:
    page = text_of(scene.owner.get(scene.url("people/")))

    assert "2 people" in page
    assert page.index("device-9") < page.index("Ada Lovelace")
    assert "ada@example.com" in page


@pytest.mark.parametrize("q", ["ada", "device-7", "Ada L", "ada@ex"])
def test_a_person_is_found_by_the_beginning_of_id_name_or_mail(scene: Scene, q: str) -> None:
    page = text_of(scene.owner.get(scene.url("people/"), {"q": q}))

    assert "Ada Lovelace" in page
    assert "device-9" not in page


def test_a_person_is_found_by_the_public_id(scene: Scene) -> None:
    page = text_of(scene.owner.get(scene.url("people/"), {"q": str(person(scene, "device-9"))}))

    assert "1 person" in page
    assert "Ada Lovelace" not in page


def test_a_search_without_result_says_so(scene: Scene) -> None:
    assert "name begins with “zzz" in words_of(scene.owner.get(scene.url("people/?q=zzz%00")))


def test_an_htmx_request_gets_only_the_rows(scene: Scene) -> None:
    fragment = text_of(scene.owner.get(scene.url("people/?sort=events"), HTTP_HX_REQUEST="true"))

    assert "<html" not in fragment
    assert "Ada Lovelace" in fragment


def test_pages_follow_each_other_without_gap_or_repeat(scene: Scene) -> None:
    now = timezone.now()
    Person.objects.bulk_create(
        Person(project=scene.project, first_seen_at=now, last_seen_at=now, user_id=f"u-{n}") for n in range(70)
    )

    first = scene.owner.get(scene.url("people/"))
    second = scene.owner.get(scene.url("people/"), {"cursor": first.context["next"]})

    seen = [row.person.pk for row in [*first.context["rows"], *second.context["rows"]]]
    assert len(seen) == len(set(seen)) == 72
    assert second.context["next"] is None


def test_csv_holds_what_the_list_shows(scene: Scene) -> None:
    rows = list(csv.DictReader(io.StringIO(text_of(scene.owner.get(scene.url("people/?format=csv&q=ada"))))))

    assert [row["user_id"] for row in rows] == ["ada"]
    assert rows[0]["ids"] == "ada device-7"
    assert rows[0]["events"] == "3"
    assert rows[0]["first_seen_at"] == "2026-11-11T00:30:00+01:00"


def test_a_wrong_cursor_is_404(scene: Scene) -> None:
    assert scene.owner.get(scene.url("people/?cursor=nonsense")).status_code == 404
    assert scene.owner.get(scene.url(f"people/{person(scene, 'ada')}/?cursor=WyJ4IiwxXQ")).status_code == 404


def test_one_person_has_all_that_their_ids_did_grouped_by_local_day(scene: Scene) -> None:
    Install.objects.create(
        project=scene.project, message_id="i", distinct_id="device-7",
        installed_at=timezone.now(), received_at=timezone.now(), device_model="Pixel 9",
    )  # fmt: skip

    page = words_of(scene.owner.get(scene.url(f"people/{person(scene, 'ada')}/")))

    assert "Ada Lovelace Known as ada" in page
    assert "Signed Up" in page
    assert "Pricing" in page
    assert "Wed 11 Nov 2026" in page
    assert "Tue 10 Nov 2026" not in page, "half past eleven in London is the next day in Berlin"
    assert "device-7" in page
    assert "Pixel 9" in page
    assert "Being decided" in page


def test_the_timeline_can_be_cut_to_one_event(scene: Scene) -> None:
    answer = scene.owner.get(
        scene.url(f"people/{person(scene, 'ada')}/"), {"name": "Signed Up"}, HTTP_HX_REQUEST="true"
    )

    assert "Signed Up" in text_of(answer)
    assert "Pricing" not in text_of(answer)


def test_the_page_takes_few_queries(scene: Scene, django_assert_max_num_queries: Counter) -> None:
    with django_assert_max_num_queries(18):
        scene.owner.get(scene.url(f"people/{person(scene, 'ada')}/"))


def test_people_of_another_organization_do_not_exist(scene: Scene) -> None:
    other = make_scene()

    assert scene.stranger.get(scene.url("people/")).status_code == 404
    assert scene.stranger.get(scene.url(f"people/{person(scene, 'ada')}/")).status_code == 404
    assert other.owner.get(other.url(f"people/{person(scene, 'ada')}/")).status_code == 404
    assert scene.owner.get(scene.url("people/p_x/")).status_code == 404


@pytest.mark.django_db
def test_an_empty_project_is_told_how_people_come() -> None:
    scene = make_scene()

    page = text_of(scene.owner.get(scene.url("people/")))

    assert "Nobody yet" in page
    assert scene.write_key in page
