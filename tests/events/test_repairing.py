"""One change of a refused request at a time; everything else stays as it came. Plain, without a database."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.repairing import Repair, changed, literal

PATH = "/inappevent/123456789"
FIELDS = st.text('abXY_$ä"', min_size=1, max_size=8)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("repair", "path"),
    [
        (Repair("path", "prefix", "id"), "/inappevent/id123456789"),
        (Repair("path", "set", "com.acme"), "/inappevent/com.acme"),
        (Repair("path", "replace", "id1", "1"), "/inappevent/id123456789"),
    ],
)
def test_an_address_is_changed_in_its_last_part(repair: Repair, path: str) -> None:
    assert changed(repair, PATH, b"{}") == (path, b"{}")


@pytest.mark.parametrize(
    "repair",
    [
        Repair("path", "prefix", "123"),
        Repair("path", "rename", "x"),
        Repair("path", "remove"),
        Repair("path", "replace", "x", ""),
        Repair("path", "replace", "x", "absent"),
    ],
)
def test_an_address_that_needs_no_change_is_left_alone(repair: Repair) -> None:
    assert changed(repair, PATH, b"{}") is None


@pytest.mark.parametrize(
    ("repair", "before", "after"),
    [
        (Repair("app", "prefix", "id"), '{"app":"1","n":1}', '{"app":"id1","n":1}'),
        (Repair("app", "prefix", "id"), '{"app":17}', '{"app":"id17"}'),
        (Repair("user.os", "set", "iOS"), '{"user":{"id":1}}', '{"user":{"id":1,"os":"iOS"}}'),
        (Repair("user.os", "set", "iOS"), "{}", '{"user":{"os":"iOS"}}'),
        (Repair("a.b", "set", "x"), '{"a.b":1}', '{"a.b":"x"}'),
        (Repair("n", "set", "5"), '{"n":"five"}', '{"n":5}'),
        (Repair("n", "set", '"5"'), '{"n":1}', '{"n":"5"}'),
        (Repair("properties", "set", "{}"), '{"properties":[]}', '{"properties":{}}'),
        (Repair("n", "set", "5 apples"), "{}", '{"n":"5 apples"}'),
        (Repair("userID", "rename", "userId"), '{"userID":"u","x":1}', '{"userId":"u","x":1}'),
        (Repair("t", "remove"), '{"t":"yesterday","x":1.50}', '{"x":1.50}'),
        (Repair("price", "replace", ".", ","), '{"price":"3,50"}', '{"price":"3.50"}'),
        (Repair("app", "prefix", "id"), '[{"app":"1"},{"b":2}]', '[{"app":"id1"},{"b":2}]'),
        (Repair("event_token", "set", "abc123"), "s2s=1&event_token=&x=%C3%A4", "s2s=1&event_token=abc123&x=%C3%A4"),
        (Repair("tok", "rename", "app_token"), "tok=1&a=2", "app_token=1&a=2"),
        (Repair("a", "remove"), "b=1&a=2&a=3", "b=1&a=3"),
        (Repair("new", "set", "v"), "b=1", "b=1&new=v"),
    ],
)
def test_a_body_is_changed_where_the_rule_says(repair: Repair, before: str, after: str) -> None:
    assert changed(repair, "/x", before.encode()) == ("/x", after.encode())


@pytest.mark.parametrize(
    ("repair", "body"),
    [
        (Repair("app", "prefix", "id"), '{"app":"id1"}'),
        (Repair("app", "prefix", "id"), '{"app":{}}'),
        (Repair("app", "prefix", "id"), "{"),
        (Repair("app", "prefix", "id"), '{"app":"\\ud800"}'),
        (Repair("app", "prefix", "id"), ""),
        (Repair("app", "prefix", "id"), '"text"'),
        (Repair("app", "prefix", "id"), "[1,2]"),
        (Repair("a.b", "remove"), '{"a":[]}'),
        (Repair("a", "rename", "b"), '{"a":1,"b":2}'),
        (Repair("a", "remove"), "b=1"),
        (Repair("a", "replace", "x", ""), '{"a":"y"}'),
        (Repair("x." * 200 + "y", "set", "1"), "{}"),
    ],
)
def test_what_the_rule_does_not_fit_is_left_alone(repair: Repair, body: str) -> None:
    assert changed(repair, "/x", body.encode()) is None


@given(st.dictionaries(FIELDS, VALUES, min_size=1, max_size=4), st.integers(0, 3))
def test_a_change_touches_its_member_only(members: dict[str, object], place: int) -> None:
    name = sorted(members)[place % len(members)]
    body = msgspec.json.encode(members)

    done = changed(Repair(name, "remove"), "/x", body)

    assert done
    assert msgspec.json.decode(done[1]) == {key: value for key, value in members.items() if key != name}


@given(
    st.builds(
        Repair,
        st.text(max_size=10),
        st.sampled_from(["prefix", "set", "replace", "rename", "remove"]),
        st.text(max_size=10),
        st.text(max_size=5),
    ),
    st.text(max_size=30),
    st.binary(max_size=60) | VALUES.map(msgspec.json.encode),
)
def test_any_rule_on_any_body_gives_a_request_or_nothing(repair: Repair, path: str, body: bytes) -> None:
    done = changed(repair, path, body)

    assert done is None or done != (path, body)


@given(st.text(max_size=30))
def test_what_a_rule_writes_is_json(value: str) -> None:
    msgspec.json.decode(literal(value))
