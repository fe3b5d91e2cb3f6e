"""What people buy after an install, tied to that install whatever arrives first."""

from datetime import timedelta
from decimal import Decimal

import orjson
import pytest
from django.utils import timezone

from attribution import conversions
from attribution.models import Conversion, Install
from customers.models import Project
from events import services as events
from tests.attribution.conftest import Api
from tests.attribution.factories import NOON, TouchFactory, decide, install, track
from tests.factories import ProjectFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    return ProjectFactory(currency="EUR")


def bought(project: Project, message_id: str) -> Conversion:
    return Conversion.objects.select_related("install").get(project=project, message_id=message_id)


@pytest.mark.parametrize(
    ("event", "properties", "revenue"),
    [
        ("Order Completed", {"revenue": 12.5}, "12.5"),
        ("Order Completed", {"total": "99.90"}, "99.90"),
        ("Order Completed", {"value": 3}, "3"),
        ("Level Bought", {"revenue": 0.99}, "0.99"),
        ("Level Bought", {"revenue": -0.99}, "-0.99"),
        ("Signed Up", {}, None),
    ],
)
def test_revenue_is_read_where_senders_put_it(
    project: Project, event: str, properties: dict[str, object], revenue: str | None
) -> None:
    message_id = track(project, event, properties=properties)

    decide()

    assert bought(project, message_id).revenue == (Decimal(revenue) if revenue else None)


@pytest.mark.parametrize(
    ("event", "properties"),
    [
        ("Level Bought", {"total": 5}),
        ("Level Bought", {"revenue": True}),
        ("Level Bought", {"revenue": "a lot"}),
        ("Level Bought", {"revenue": "NaN"}),
        ("Level Bought", {"revenue": 1e300}),
        ("Level Bought", {"revenue": {"amount": 5}}),
        ("Screen Seen", {}),
    ],
)
def test_what_has_no_revenue_is_no_conversion(project: Project, event: str, properties: dict[str, object]) -> None:
    track(project, event, properties=properties)

    decide()

    assert not Conversion.objects.exists()


def test_without_a_currency_it_is_the_projects(project: Project) -> None:
    own = track(project, "Order Completed", properties={"revenue": 1})
    other = track(project, "Order Completed", properties={"revenue": 1, "currency": "usd"})

    decide()

    assert (bought(project, own).currency, bought(project, other).currency) == ("EUR", "USD")


def test_an_order_that_is_sent_again_counts_once(project: Project) -> None:
    order = {"revenue": 20, "order_id": "o-1"}
    first = track(project, "Order Completed", properties=order)
    beside = track(project, "Order Completed", properties=order)
    decide()
    later = track(project, "Order Completed", properties=order)
    elsewhere = ProjectFactory()
    other = track(elsewhere, "Order Completed", properties=order)
    decide()

    assert bought(project, first).counted
    assert not bought(project, beside).counted
    assert not bought(project, later).counted
    assert bought(project, later).fraud[0]["code"] == "dup_event"
    assert bought(elsewhere, other).counted


def test_it_belongs_to_the_last_install_before_it(project: Project) -> None:
    install(project, at=NOON - timedelta(days=200), who="anna")
    last = install(project, at=NOON - timedelta(days=2), who="anna")
    install(project, at=NOON + timedelta(days=1), who="anna")
    message_id = track(project, "Order Completed", properties={"revenue": 5}, who="anna")

    decide()

    owner = bought(project, message_id).install
    assert owner is not None
    assert owner.message_id == last


def test_an_install_that_arrives_after_the_purchase_gets_it_too(project: Project) -> None:
    message_id = track(project, "Order Completed", properties={"revenue": 5}, who="anna")
    decide()
    assert bought(project, message_id).install is None

    late = install(project, at=NOON - timedelta(hours=1), who="anna")
    decide()

    assert bought(project, message_id).install == Install.objects.get(message_id=late)


def test_somebody_who_signed_in_is_the_one_who_installed(project: Project) -> None:
    now = timezone.now()
    mine = install(project, at=now - timedelta(hours=1), who="anna-phone")
    message_id = track(project, "Order Completed", at=now, properties={"revenue": 5}, who="anna-phone", user="anna")
    decide()
    assert bought(project, message_id).install is None

    events.digest()
    assert conversions.link_waiting(now=now) == 1

    assert bought(project, message_id).install == Install.objects.get(message_id=mine)


def test_what_a_returned_person_buys_belongs_to_the_return(project: Project) -> None:
    install(project, at=NOON - timedelta(days=30), who="anna")
    TouchFactory(project=project, touch_id="back", ts=NOON - timedelta(minutes=1))
    back = track(project, "Application Opened", who="anna", properties={"click_id": "back"})
    message_id = track(
        project, "Order Completed", at=NOON + timedelta(minutes=5), properties={"revenue": 5}, who="anna"
    )

    decide()

    owner = bought(project, message_id).install
    assert owner is not None
    assert owner.message_id == back


def test_an_open_that_was_no_return_owns_nothing(project: Project) -> None:
    mine = install(project, at=NOON - timedelta(days=2), who="anna")
    TouchFactory(project=project, touch_id="back", ts=NOON - timedelta(minutes=1))
    track(project, "Application Opened", who="anna", properties={"click_id": "back"})
    message_id = track(
        project, "Order Completed", at=NOON + timedelta(minutes=5), properties={"revenue": 5}, who="anna"
    )

    decide()

    owner = bought(project, message_id).install
    assert owner is not None
    assert owner.message_id == mine


def test_the_api_lists_conversions_with_whose_they_are(api: Api) -> None:
    TouchFactory(project=api.project, touch_id="c-1", ts=NOON - timedelta(days=1))
    install(api.project, at=NOON - timedelta(hours=5), properties={"click_id": "c-1"}, who="anna")
    mine = track(api.project, "Order Completed", properties={"revenue": 49.9, "order_id": "o-1"}, who="anna")
    track(api.project, "Order Completed", properties={"revenue": 49.9, "order_id": "o-1"}, who="anna")
    nobodys = track(api.project, "Signed Up", at=NOON - timedelta(minutes=1))
    decide()

    rows = orjson.loads(api("GET", "/v1/conversions?counted=true").content)["results"]

    assert [row["messageId"] for row in rows] == [mine, nobodys]
    assert (rows[0]["revenue"], rows[0]["source"], rows[0]["orderId"]) == ("49.9000", "tiktok", "o-1")
    assert (rows[1]["revenue"], rows[1]["decisionId"]) == (None, None)


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("", 3),
        ("?source=tiktok", 2),
        ("?campaign=Winter+sale&name=Order+Completed", 2),
        ("?counted=false", 1),
        ("?name=Signed+Up", 1),
        ("?from=2026-11-11", 0),
        ("?to=2026-11-10", 3),
        ("?personId=p_1", 0),
        ("?decisionId=dec_999999999", 0),
    ],
)
def test_conversions_can_be_filtered(api: Api, query: str, number: int) -> None:
    TouchFactory(project=api.project, touch_id="c-1", ts=NOON - timedelta(days=1))
    install(api.project, at=NOON - timedelta(hours=5), properties={"click_id": "c-1"}, who="anna")
    for _ in range(2):
        track(api.project, "Order Completed", properties={"revenue": 49.9, "order_id": "o-1"}, who="anna")
    track(api.project, "Signed Up")
    track(ProjectFactory(), "Signed Up")
    decide()

    assert len(orjson.loads(api("GET", f"/v1/conversions{query}").content)["results"]) == number


@pytest.mark.parametrize("query", ["counted=maybe", "from=soon", "decisionId=x", "personId=p_x", "cursor=x"])
def test_a_filter_of_conversions_that_can_not_be_read_is_refused(api: Api, query: str) -> None:
    assert api("GET", f"/v1/conversions?{query}").status_code == 400


def test_conversions_need_a_secret_key(api: Api) -> None:
    assert api("GET", "/v1/conversions", key="").status_code == 401
