"""Whatever comes in PostHog's and Branch's JSON: never a fault, nothing lost."""

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customers.throttle import forget_limits
from events.models import Event, Rejected
from tests.dialects import test_branch, test_branch_links, test_posthog
from tests.dialects.table import Case, Desk
from tests.dialects.test_all import STRANGE

pytestmark = pytest.mark.django_db
ONE = {**test_posthog.ONE, "properties": {
    "$set": {"a": 1}, "$set_once": {"b": 2}, "$current_url": "https://x.test", "$ip": "192.0.2.1", "$os": "iOS",
    "$device_id": "d", "$anon_distinct_id": "anon", "alias": "old", "$group_type": "company", "$group_key": "acme",
    "$group_set": {"seats": 3}, "$is_identified": True, "$unset": ["c"], "$screen_name": "Home",
}}  # fmt: skip
NAMES = ["$identify", "$set", "$create_alias", "$groupidentify", "$pageview", "$screen", "x"]
EXAMPLES: dict[str, Case] = {
    **{f"posthog {name}": test_posthog.ph("", "", {**ONE, "event": name}) for name in NAMES},
    "posthog batch": test_posthog.ph("", "", test_posthog.batch(ONE, sent_at="2026-11-20T12:17:02Z"), path="/batch/"),
    "branch": test_branch.br("", ""),
    "branch links": test_branch_links.li("", "", test_branch_links.but(alias=None)),
}
KEYS = {"api_key", "branch_key", "batch"}


@pytest.fixture
def desk(desk: Desk) -> Desk:
    desk.app("posthog", test_posthog.KEY)
    desk.app("branch", test_branch.KEY)
    return desk


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where in a body a value stands, at every depth."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(found for key, one in inside for found in places(one, (*path, key)))]


@pytest.mark.parametrize("name", EXAMPLES)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_sent_is_stored_or_kept_or_refused(desk: Desk, name: str, data: st.DataObject) -> None:
    case = EXAMPLES[name]
    body = copy.deepcopy(case.body)
    *path, last = data.draw(st.sampled_from(places(body)))
    inner = body
    for key in path:
        inner = inner[key]
    inner[last] = data.draw(st.sampled_from(STRANGE) | st.text(max_size=30) | st.integers())
    sent: Any = body
    if data.draw(st.integers(0, 5)) == 0:
        sent = json.dumps(body)[: data.draw(st.integers(0, 200))]
    forget_limits()
    Event.objects.all().delete()
    Rejected.objects.all().delete()

    answer = desk.send(Case("", "", case.path, sent))

    assert answer.status_code < 500
    took = Event.objects.count() + Rejected.objects.count()
    repeated = "repeated:" in answer.headers.get("X-Ingest-Warning", "")
    its_owner_is_known = sent is body and not {last, *path[:1]} & KEYS and name != "branch links"
    assert took or repeated or not its_owner_is_known, answer.content
