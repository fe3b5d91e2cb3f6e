"""The stream as a relation: every event once, with its person and what people call it."""

from datetime import UTC, datetime

import pytest

from customers.models import Project
from events import services as events
from tests.analytics.stories import tell
from tests.factories import ProjectFactory


@pytest.fixture
def project(transactional_db: None) -> Project:
    return ProjectFactory()


def test_events_are_counted_by_the_names_that_people_use(project: Project) -> None:
    tell(
        project,
        {
            "ada": [("2026-11-01T10:00:00Z", "Signed Up", {"plan": "pro"}), ("2026-11-02T10:00:00Z", "Page: Pricing")],
            "bob": [("2026-11-01T11:00:00Z", "Signed Up")],
        },
    )

    answer = events.relation(project, until=datetime(2026, 11, 3, tzinfo=UTC)).run(
        lambda tables: tables.events.group_by("event").agg(people=tables.events.person.nunique()).order_by("event")
    )

    assert answer.rows == [("Page: Pricing", 1), ("Signed Up", 2)]
    assert answer.columns == ["event", "people"]
