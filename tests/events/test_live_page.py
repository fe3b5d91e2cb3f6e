"""The live page: what arrives is there within a second, once, and can be opened."""

import threading
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection, transaction

from events.models import Event
from events.queries import Filters
from tests.scene import Scene, make_scene, text_of, words_of

ORDER = {"type": "track", "event": "Order Completed", "userId": "user-1", "properties": {"revenue": 9.99}}


@pytest.fixture
def scene(transactional_db: None) -> Scene:
    return make_scene()


def poll(scene: Scene, cursor: str, **query: str) -> tuple[str, str]:
    """Ask as the page does; return the rows and the next cursor."""
    answer = scene.owner.get(scene.url("live/rows/"), {"cursor": cursor, **query})
    assert answer.status_code == 200
    return text_of(answer), answer.context["feed"].cursor


def start(scene: Scene) -> str:
    cursor: str = scene.owner.get(scene.url("live/")).context["feed"].cursor
    return cursor


def test_an_event_arrives_once_and_only_newer_rows_are_sent(scene: Scene) -> None:
    cursor = start(scene)
    scene.record(ORDER)

    first, cursor = poll(scene, cursor)
    second, cursor = poll(scene, cursor)
    scene.record({**ORDER, "event": "Next"})
    third, _ = poll(scene, cursor)

    assert first.count("Order Completed") == 1
    assert "<li" not in second
    assert "Next" in third
    assert "Order Completed" not in third


def test_a_refusal_arrives_in_the_same_stream_with_its_reason_and_the_way_to_repair(scene: Scene) -> None:
    cursor = start(scene)
    scene.record({"type": "track", "event": "Signed Up"})

    rows, cursor = poll(scene, cursor)
    again, cursor = poll(scene, cursor)
    scene.record({"type": "track", "event": "Signed Up"})
    repeated, _ = poll(scene, cursor)

    rejected = scene.project.rejected.get()
    assert "missing_id" in rows
    assert f"/rejected/{rejected.pk}/" in rows
    assert "<li" not in again
    assert "Seen 2 times" in repeated


def test_an_event_whose_transaction_ends_late_is_not_skipped(scene: Scene) -> None:
    """A poll between an event's arrival and its commit must not move the cursor past it."""
    written, polled = threading.Event(), threading.Event()

    def slow_writer() -> None:
        with transaction.atomic():
            scene.record({**ORDER, "event": "Slow"})
            written.set()
            polled.wait(10)
        connection.close()

    cursor = start(scene)
    writer = threading.Thread(target=slow_writer)
    writer.start()
    assert written.wait(10)
    scene.record({**ORDER, "event": "Fast"})
    during, cursor = poll(scene, cursor)
    polled.set()
    writer.join()
    after, _ = poll(scene, cursor)

    assert ("Fast" in during, "Slow" in during) == (True, False)
    assert ("Fast" in after, "Slow" in after) == (False, True)


@pytest.mark.parametrize(
    ("query", "seen"),
    [
        ({"q": "order"}, "Order Completed"),
        ({"type": "page"}, "Pricing"),
        ({"person": "device-7"}, "Pricing"),
        ({"type": "refused"}, "missing_id"),
    ],
)
def test_the_feed_is_filtered_by_name_type_and_id(scene: Scene, query: dict[str, str], seen: str) -> None:
    cursor = start(scene)
    scene.record(ORDER, {"type": "page", "name": "Pricing", "anonymousId": "device-7"}, {"type": "track", "event": "X"})

    rows, _ = poll(scene, cursor, **query)
    whole = text_of(scene.owner.get(scene.url("live/"), query))

    assert rows.count("<details") == 1
    assert seen in rows
    assert seen in whole


def test_more_than_a_page_in_one_second_says_how_many_were_left_out(scene: Scene) -> None:
    cursor = start(scene)
    scene.record(*({**ORDER, "messageId": f"m-{n}"} for n in range(70)))

    rows, _ = poll(scene, cursor)

    assert rows.count("<details") == 50
    assert "and 20 more" in rows


def test_a_row_opens_to_the_whole_event_with_its_times(scene: Scene) -> None:
    scene.record({**ORDER, "timestamp": "2040-01-01T00:00:00Z", "context": {"os": {"name": "iOS"}}})
    event = Event.objects.get(project=scene.project)
    address = scene.url(f"live/{event.pk}/?at={quote(event.received_at.isoformat())}")

    said = words_of(scene.owner.get(address))

    assert "claimed the future" in said
    assert '"revenue" : 9.99' in said
    assert "Clock skew" in said
    assert "Copy JSON" in said
    assert scene.owner.get(scene.url(f"live/{event.pk}/?at=2026-01-01T00:00:00Z")).status_code == 404
    assert scene.owner.get(scene.url(f"live/{event.pk}/?at=nonsense")).status_code == 404
    assert make_scene().owner.get(address).status_code == 404


def test_pausing_keeps_the_place_and_stops_asking(scene: Scene) -> None:
    cursor = start(scene)

    paused = text_of(scene.owner.get(scene.url("live/pause/"), {"paused": "1", "cursor": cursor}))
    resumed = text_of(scene.owner.get(scene.url("live/pause/"), {"cursor": cursor}))

    assert "Paused" in paused
    assert cursor in paused
    assert "every 1s" not in paused
    assert "Listening" in resumed
    assert "every 1s" in resumed


def test_the_empty_page_has_a_command_that_works_and_becomes_the_feed(scene: Scene) -> None:
    page = scene.owner.get(scene.url("live/"), HTTP_HOST="growth.example")
    cursor = page.context["feed"].cursor

    nothing = scene.owner.get(scene.url("live/rows/"), {"cursor": cursor, "waiting": "1"})
    scene.record(ORDER)
    something = scene.owner.get(scene.url("live/rows/"), {"cursor": cursor, "waiting": "1"})

    assert f"http://growth.example/v1/track -u {scene.write_key}:" in words_of(page).replace("\\ ", "")
    assert "HX-Refresh" not in nothing.headers
    assert something.headers["HX-Refresh"] == "true"


@pytest.mark.parametrize(
    "cursor", ["nonsense", "WyJhIiwiYiJd", "WyIxOjI6IiwibmV2ZXIiXQ", "WyI5OjE6IiwiMjAyNi0xMS0yMFQwMDowMDowMCswMDowMCJd"]
)
def test_a_cursor_that_is_none_of_ours_is_404(scene: Scene, cursor: str) -> None:
    assert scene.owner.get(scene.url("live/rows/"), {"cursor": cursor}).status_code == 404


def test_the_feed_of_another_organization_does_not_exist(scene: Scene, client: Any) -> None:
    for path in ("live/", "live/rows/", "live/pause/", "live/1/"):
        assert scene.stranger.get(scene.url(path)).status_code == 404
        assert client.get(scene.url(path)).status_code == 302


def test_reading_the_feed_uses_the_index_on_arrival(scene: Scene) -> None:
    with connection.cursor() as cursor:
        # The tables of a test are so small that sorting costs nothing; what counts is that the index has the order.
        cursor.execute("SET enable_seqscan = off; SET enable_sort = off")
        cursor.execute(
            "EXPLAIN SELECT * FROM events_event WHERE project_id = %s AND received_at > now() - interval '1 minute'"
            " ORDER BY received_at DESC, id DESC LIMIT 50",
            [scene.project.pk],
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("RESET enable_seqscan; RESET enable_sort")

    assert "received_at_id_idx" in plan
    assert "Sort" not in plan or "Merge" in plan


def test_a_filter_never_lets_a_nul_through(scene: Scene) -> None:
    assert Filters.from_query({"q": "a\x00b", "type": " page "}) == Filters("ab", "page")
    assert scene.owner.get(scene.url("live/?q=%00a&person=%00")).status_code == 200
