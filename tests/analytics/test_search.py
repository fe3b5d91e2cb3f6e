"""The search dialog: people, links and campaigns by what is known of them."""

import pytest
from django.utils import timezone

from analytics import dashboards, saved
from analytics.models import Cohort
from attribution.models import Link
from events.models import Identity, Person
from tests.scene import Scene, make_scene, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> Scene:
    scene = make_scene()
    now = timezone.now()
    ada = Person.objects.create(
        project=scene.project, first_seen_at=now, last_seen_at=now, traits={"name": "Winnie", "email": "w@example.com"}
    )
    Identity.objects.create(project=scene.project, value="user-1", person=ada, known=True)
    Link.objects.create(
        project=scene.project, slug="winter", name="Winter sale", source="tiktok", fallback_url="https://x.example"
    )
    return scene


def test_people_and_links_are_found_at_once(scene: Scene) -> None:
    found = text_of(scene.owner.get(scene.url("search/?q=win")))

    assert "Winnie" in found
    assert "Winter sale" in found
    assert found.count('role="option"') == 2


def test_what_members_saved_is_found_by_any_part_of_its_name(scene: Scene) -> None:
    saved.create(scene.project, "The winter funnel", "funnel", "step=A&step=B")
    gone = saved.create(scene.project, "Winter of before", "trend", "event=A")
    saved.delete(gone, now=timezone.now())
    board = dashboards.create(scene.project, "Winter")
    Cohort.objects.create(project=scene.project, name="Bought in winter", kind="trend")

    found = text_of(scene.viewer.get(scene.url("search/?q=winter")))

    assert "The winter funnel" in found
    assert "Bought in winter" in found
    assert scene.url(f"dashboards/{board.pk}/") in found
    assert "Winter of before" not in found


@pytest.mark.parametrize("q", ["", "w", "zz", "%00"])
def test_nothing_is_found_for_too_little_or_nothing(scene: Scene, q: str) -> None:
    assert "option" not in text_of(scene.owner.get(scene.url(f"search/?q={q}")))


def test_nothing_of_others_is_found(scene: Scene) -> None:
    other = make_scene()

    assert scene.stranger.get(scene.url("search/?q=win")).status_code == 404
    assert "Winnie" not in text_of(other.owner.get(other.url("search/?q=win")))
