"""GET /v1/metrics/overview: the numbers of the home page for programs."""

import pytest

from tests.scene import Scene, make_scene

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene() -> Scene:
    return make_scene()


def test_it_answers_every_measure_with_its_points_and_definition(scene: Scene) -> None:
    answer = scene.api("/v1/metrics/overview?from=2026-11-01&to=2026-11-10")

    body = answer.json()
    assert answer.status_code == 200
    assert (body["from"], body["to"], body["bucket"]) == ("2026-11-01", "2026-11-10", "day")
    assert len(body["buckets"]) == 10
    assert set(body["metrics"]) == {"people", "events", "installs", "clicks", "conversion"}
    assert all(len(metric["points"]) == 10 for metric in body["metrics"].values())
    assert set(body["definitions"]) == set(body["metrics"])


def test_the_comparison_can_be_left_out(scene: Scene) -> None:
    body = scene.api("/v1/metrics/overview?compare=none").json()

    assert "previous" not in body["metrics"]["people"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday&to=2026-11-02", "from"),
        ("from=2026-11-02", "to"),
        ("to=2026-11-02", "from"),
        ("from=2026-11-02&to=2026-11-01", "to"),
        ("from=2020-01-01&to=2026-11-01", "to"),
        ("from=0001-01-01&to=0001-01-02", "from"),
        ("range=1y", "range"),
        ("compare=maybe", "compare"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(scene: Scene, query: str, field: str) -> None:
    answer = scene.api(f"/v1/metrics/overview?{query}")

    assert answer.status_code == 400
    assert answer.json()["detail"][0]["field"] == field


def test_without_a_key_it_is_401_and_with_a_write_key_403(scene: Scene) -> None:
    assert scene.api("/v1/metrics/overview", key="").status_code == 401
    assert scene.api("/v1/metrics/overview", key="sk_nobodys").status_code == 401
    assert scene.api("/v1/metrics/overview", key=scene.write_key).status_code == 403
