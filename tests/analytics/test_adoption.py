"""Adoption: counted by hand, and by a plain Python oracle over a random stream."""

import random
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
from django.http import QueryDict

from analytics.analyses import adoption
from customers.models import Project
from growthplatform.core.errors import InvalidField
from tests.analytics.stories import tell
from tests.scene import Scene, make_scene

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SPAN = "from=2026-11-01&to=2026-11-14"


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    return make_scene(time_zone="UTC")


def ask(project: Project, query: str, now: datetime = NOW) -> adoption.Result:
    return adoption.answer(project, adoption.parse(project, QueryDict(query), now=now))


def people_of(project: Project, query: str, **place: str) -> int:
    question = adoption.parse(project, QueryDict(query), now=NOW)
    found = adoption.people(project, question, place)
    return len(found.relation.run(found.build).rows)


@pytest.fixture
def shop(scene: Scene) -> Project:
    tell(
        scene.project,
        {
            "ada": [
                ("2026-11-01T10:00:00Z", "Login", {"plan": "pro"}),
                ("2026-11-01T11:00:00Z", "Template Used"),
                ("2026-11-02T10:00:00Z", "Template Used"),
                ("2026-11-09T10:00:00Z", "Template Used"),
            ],
            "bob": [
                ("2026-11-02T10:00:00Z", "Template Used"),  # before Bob could
                ("2026-11-03T10:00:00Z", "Login", {"plan": "free"}),
                ("2026-11-17T10:00:00Z", "Template Used"),
            ],
            "cid": [("2026-11-14T10:00:00Z", "Login", {"plan": "free"}), ("2026-11-14T10:00:00Z", "Logo Uploaded")],
            "old": [("2026-10-01T10:00:00Z", "Login", {"plan": "pro"}), ("2026-11-05T10:00:00Z", "Login")],
        },
    )
    return scene.project


def test_adopters_are_those_eligible_who_use_it_in_time(shop: Project) -> None:
    result = ask(shop, f"event=Template Used&event=Logo Uploaded&eligible=Login&{SPAN}")

    template, logo = (feature.total for feature in result.features)
    assert result.eligible == 4
    assert (template.people, logo.people) == (1, 1)
    assert template.share == 0.25
    assert template.waiting == 0
    assert result.features[0].seconds[0.5] == 3600


def test_whoever_still_has_time_is_open(shop: Project) -> None:
    result = ask(shop, f"event=Template Used&eligible=Login&within=14d&{SPAN}")

    total = result.features[0].total
    assert total.people == 1  # Bob used it an hour too late? No: exactly 14 days later, which is too late
    assert total.waiting == 1  # Cid, until 28 November
    assert ask(shop, f"event=Template Used&eligible=Login&within=15d&{SPAN}").features[0].total.people == 2


def test_depth_and_coming_back_to_it(shop: Project) -> None:
    total = ask(shop, f"event=Template Used&eligible=Login&{SPAN}").features[0].total

    assert (total.uses, total.weeks) == (3, 2)
    assert (total.again, total.ripe) == (1, 1)


def test_more_uses_may_be_needed(shop: Project) -> None:
    result = ask(shop, f"event=Template Used&eligible=Login&times=2&{SPAN}").features[0]

    assert result.total.people == 1
    assert result.seconds[0.5] == 86_400
    assert ask(shop, f"event=Template Used&eligible=Login&times=4&{SPAN}").features[0].total.people == 0


def test_new_people_only(shop: Project) -> None:
    assert ask(shop, f"event=Template Used&eligible=Login&who=new&{SPAN}").eligible == 3


def test_a_breakdown_is_by_what_made_people_eligible(shop: Project) -> None:
    result = ask(shop, f"event=Template Used&eligible=Login&by=plan&{SPAN}")

    assert {value: (one.people, one.eligible) for value, one in result.features[0].values.items()} == {
        "free": (0, 2),
        "pro": (1, 1),
        "(none)": (0, 1),
    }


def test_the_people_of_each_state_are_as_many_as_it_says(shop: Project) -> None:
    query = f"event=Template Used&eligible=Login&within=14d&{SPAN}"

    total = ask(shop, query).features[0].total

    assert people_of(shop, query, state="eligible") == total.eligible
    assert people_of(shop, query, state="adopted") == total.people
    assert people_of(shop, query, state="open") == total.waiting
    assert people_of(shop, query, state="not") == total.eligible - total.people - total.waiting
    assert people_of(shop, query, state="again") == total.again


def test_a_random_stream_is_counted_as_plain_python_does(scene: Scene) -> None:
    chance = random.Random(11)
    first, last = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 15, tzinfo=UTC)
    begin = datetime(2026, 10, 20, tzinfo=UTC)
    told = {
        f"u{one}": sorted(
            (begin + timedelta(seconds=chance.randrange(28 * 86_400)), chance.choice(["Login", "A", "A", "B"]))
            for _ in range(chance.randrange(1, 25))
        )
        for one in range(40)
    }
    tell(scene.project, {who: [(f"{at:%Y-%m-%dT%H:%M:%SZ}", name) for at, name in acts] for who, acts in told.items()})

    result = ask(scene.project, f"event=A&event=B&eligible=Login&times=2&within=5d&{SPAN}")

    for feature, name in zip(result.features, "AB", strict=True):
        took, eligible = [], 0
        for acts in told.values():
            logins = [at for at, what in acts if what == "Login" and first <= at < last]
            if not logins:
                continue
            eligible += 1
            uses = [at for at, what in acts if what == name and logins[0] <= at < logins[0] + timedelta(days=5)]
            if len(uses) >= 2:
                took.append((uses[1] - logins[0]).total_seconds())
        assert (feature.total.people, feature.total.eligible) == (len(took), eligible)
        assert feature.seconds.get(0.5) == (pytest.approx(median(took)) if took else None)
        assert sum(one.people for one in feature.cycles.values()) == len(took)


@pytest.mark.parametrize(
    ("query", "field"),
    [("", "event"), ("event=A&within=0d", "within"), ("event=A&times=0", "times"), ("event=A&who=odd", "who")],
)
def test_what_cannot_be_read_is_refused_by_name(scene: Scene, query: str, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        ask(scene.project, query)

    assert refused.value.detail[0]["field"] == field


def test_the_api_answers_and_a_stranger_is_refused(shop: Project, scene: Scene) -> None:
    answer = scene.api(f"/v1/metrics/adoption?event=Template+Used&eligible=Login&{SPAN}")

    assert answer.status_code == 200
    assert answer.json()["features"][0]["adopters"] == 1
    assert scene.api("/v1/metrics/adoption?event=A", key="").status_code == 401
