"""What holds for all dialects: never a fault, nothing lost, answers of the vendor also when we are at fault."""

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import IntegrityError, OperationalError
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from attribution.models import Decision
from customers.throttle import forget_limits
from events import ingest, replay, vendor_formats
from events.dialects import door, registry
from events.models import Event, Rejected, VendorApp
from growthplatform.core import middleware
from tests.attribution.factories import TouchFactory, decide
from tests.dialects import test_adjust, test_appsflyer, test_appsflyer_web, test_kochava, test_singular
from tests.dialects.table import Case, Desk, make_desk

pytestmark = pytest.mark.django_db
EXAMPLES: dict[str, Case] = {
    "appsflyer": test_appsflyer.af("", ""),
    "appsflyer web": test_appsflyer_web.web("", ""),
    "adjust": test_adjust.event("", ""),
    "singular": test_singular.evt("", ""),
    "kochava": test_kochava.post("", ""),
}
# By these a request says whose it is; AppsFlyer's calls of apps say it by address and header.
KEYS = {"webDevKey", "app_token", "a", "i", "kochava_app_id"}
STRANGE: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        1.5,
        1e308,
        2**63,
        10**400,
        "",
        " ",
        "x" * 600,
        "é" * 300,
        "\x00",
        "a\x00b",
        "\ud800",
        "%",
        "{",
    ),
    *("2040-01-01T00:00:00Z", "0001-01-01", "2026-02-30", "-1", "1e999", "253402300800", "nan", "Infinity", "²"),
    *([], {}, [[]], [{}], {"a": None}, {"": ""}, {"\x00": "\x00"}, [1], {"a": {"b": []}}, "[1]", '{"a": NaN}', "null"),
    *("::1", "999.1.1.1", "fe80::1%eth0", "9" * 5_000),
]


def with_field(case: Case, name: str, value: Any) -> Case:
    """Return the case with one of its fields changed, wherever it has its fields."""
    if isinstance(case.body, dict):
        body = json.loads(json.dumps(case.body))
        (body["data"] if name in body.get("data", {}) else body)[name] = value
        return Case("", "", case.path, body, case.method, headers=case.headers)
    plain = value if isinstance(value, str) else json.dumps(value)
    query = {**case.query, name: plain.encode("utf-8", "surrogatepass")}
    form = "application/x-www-form-urlencoded"
    return Case("", "", case.path, urlencode(query), "POST", headers=case.headers, content_type=form)


def fields_of(case: Case) -> list[str]:
    return [*case.query] or [*case.body, *case.body.get("data", {})]


@pytest.mark.parametrize("name", EXAMPLES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_whatever_is_sent_is_stored_or_kept_or_refused_in_the_vendors_shape(
    desk: Desk, name: str, data: st.DataObject
) -> None:
    if not VendorApp.objects.filter(app_id=test_appsflyer_web.BUNDLE).exists():
        desk.app("appsflyer", test_appsflyer_web.BUNDLE, test_appsflyer.KEY)
    case = EXAMPLES[name]
    field = data.draw(st.sampled_from(fields_of(case)))
    odd = with_field(case, field, data.draw(st.sampled_from(STRANGE) | st.text(max_size=30) | st.integers()))
    cut = data.draw(st.integers(0, 60)) if data.draw(st.integers(0, 5)) == 0 else 0
    if cut:
        odd.body, odd.path = odd.data()[cut:], case.path
    forget_limits()
    Event.objects.all().delete()
    Rejected.objects.all().delete()

    answer = desk.send(odd)

    assert answer.status_code < 500
    took = Event.objects.count() + Rejected.objects.count()
    repeated = "repeated:" in answer.headers.get("X-Ingest-Warning", "")
    its_owner_is_known = name == "appsflyer" or not (cut or field in KEYS)
    assert took or repeated or not its_owner_is_known


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_database_that_is_away_is_said_in_the_vendors_shape(
    desk: Desk, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.app("appsflyer", test_appsflyer_web.BUNDLE, test_appsflyer.KEY)
    monkeypatch.setattr(door, "_store", lambda *_: (_ for _ in ()).throw(OperationalError("gone")))
    monkeypatch.setattr(door.connection, "close", lambda: None)

    answer = desk.send(EXAMPLES[name])

    assert answer.status_code in {500, 503}
    assert answer["Retry-After"] == "5"
    assert b"<html" not in answer.content


@pytest.mark.parametrize("name", EXAMPLES)
def test_who_is_too_fast_is_told_when_to_come_again(desk: Desk, name: str, settings: Any) -> None:
    desk.app("appsflyer", test_appsflyer_web.BUNDLE, test_appsflyer.KEY)
    settings.INGEST_REQUESTS_PER_SECOND = 0

    answer = desk.send(EXAMPLES[name])

    assert (answer.status_code, answer["Retry-After"]) == (429, "1")
    assert desk.rejected() == []


def other_project(client: Client) -> Desk:
    """Make a second project, after the first has let its apps go."""
    VendorApp.objects.all().delete()
    other = make_desk(client)
    VendorApp.objects.all().delete()
    return other


def test_what_cannot_be_read_counts_against_the_limit_too(desk: Desk, settings: Any) -> None:
    settings.INGEST_REQUESTS_PER_SECOND = 0

    answer = desk.send(test_appsflyer.af("", "", b"{"))

    assert (answer.status_code, desk.rejected()) == (429, [])


def test_each_app_is_as_fast_as_it_likes_by_itself(desk: Desk, settings: Any) -> None:
    settings.INGEST_REQUESTS_PER_SECOND = 1

    answers = [desk.send(EXAMPLES[name]) for name in ("appsflyer", "adjust", "singular", "kochava")]

    assert [answer.status_code for answer in answers] == [200] * 4


def test_an_app_of_a_project_that_is_just_gone_is_nobodys(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "_store", lambda *_: (_ for _ in ()).throw(IntegrityError("no such project")))

    answer = desk.send(EXAMPLES["adjust"])

    assert (answer.status_code, answer.json()) == (404, test_adjust.said("App token not found"))


def test_a_name_is_the_projects_own(desk: Desk, client: Client) -> None:
    other = other_project(client)
    other.name("kochava", "Purchase", "Theirs")
    desk.app("kochava", test_kochava.KOCHAVA)

    desk.send(EXAMPLES["kochava"])

    assert desk.only_event().name == "Purchase"


def test_two_projects_with_one_app_are_told_apart_by_their_keys(desk: Desk, client: Client) -> None:
    second = other_project(client)
    desk.app("appsflyer", "com.shared", "key-1")
    second.app("appsflyer", "com.shared", "key-2")

    desk.send(test_appsflyer.af("", "", path="/inappevent/com.shared", headers={"HTTP_AUTHENTICATION": "key-2"}))

    assert (len(desk.events()), len(second.events())) == (0, 1)


def path_of(pattern: str) -> list[str]:
    """Return addresses that a pattern of the registry stands for."""
    parts = re.sub(r"\(\?P<\w+>\[\^/\]\*\)|\[\^/\]\+", "x1", pattern).replace("[12]", "2").removesuffix("/?")
    found = [parts]
    while any("(?:" in one for one in found):
        found = [
            re.sub(r"\(\?:([^()]*)\)", choice.replace("\\", r"\\"), one, count=1)
            for one in found
            for choice in (re.search(r"\(\?:([^()]*)\)", one) or ["", ""])[1].split("|")
        ]
    return [f"/{way}" for one in found for way in one.split("|")]


@pytest.mark.parametrize("route", registry.ROUTES, ids=lambda route: route.pattern)
def test_every_address_takes_the_short_way_and_belongs_to_its_dialect(route: registry.Route) -> None:
    for path in path_of(route.pattern):
        assert path.startswith(middleware.BUSY) or path in middleware.BUSY_EXACTLY, path
        assert registry.of_path(path) is route.dialect


def test_every_vendor_that_can_be_chosen_has_a_dialect_and_a_description() -> None:
    assert set(VendorApp.Dialect.values) == set(registry.DIALECTS) == set(vendor_formats.FORMATS)


def test_our_own_addresses_are_nobodys_dialect() -> None:
    assert [registry.of_path(path) for path in ("/v1/track", "/v1/batch", "/c/x", "/events", "/v1/touches")] == [
        None
    ] * 5


def session(desk: Desk, **fields: str) -> None:
    case = test_adjust.session("1795191453", gps_adid="", idfa=test_adjust.IDFA, os_name="ios", **fields)
    assert desk.send(case).status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("touch", "send"),
    [
        ({"advertising_id": test_adjust.IDFA.lower()}, session),
        ({"touch_id": "tch_9"}, lambda desk: session(desk, install_referrer="click_id=tch_9")),
    ],
    ids=["by the advertising id", "by the install referrer"],
)
def test_the_install_of_a_session_is_credited(
    desk: Desk, touch: dict[str, str], send: Callable[[Desk], None], settings: Any
) -> None:
    when = test_adjust.datetime(2026, 11, 20, 16, 0, tzinfo=test_adjust.UTC)
    made = TouchFactory(project=desk.project, ts=when, received_at=when, **touch)

    send(desk)
    decide()

    assert Decision.objects.get(install__project=desk.project, install__kind="install").touch == made


@pytest.mark.django_db(transaction=True)
def test_a_purchase_in_a_vendors_format_is_a_conversion_of_the_install(desk: Desk) -> None:
    session(desk)
    desk.send(test_adjust.event("", "", test_adjust.but(created_at_unix="1795191999")))

    decide()

    (conversion,) = desk.project.conversions.all()
    assert (str(conversion.revenue), conversion.currency, conversion.order_id) == ("123.4000", "EUR", "o-1")
    assert conversion.install is not None


def test_a_large_event_that_was_refused_is_replayed_once_it_is_repaired(desk: Desk) -> None:
    desk.send(test_singular.evt("", "", test_singular.but(p="android")))
    rejected = Rejected.objects.get(project=desk.project)

    with pytest.raises(ingest.EventsRefused, match="invalid platform"):
        replay.replay(rejected)
    receipt = replay.replay(rejected, rejected.body.replace("p=android", "p=Android").encode())

    assert (receipt.stored, desk.only_event().name) == (1, "sng_ecommerce_purchase")


def test_copies_of_each_address_go_to_the_vendors_own_host() -> None:
    said = {
        path: registry.home_of(path) for path in ("/inappevent/id1", "/v1/b-1/event", "/event", "/gdpr_forget_device")
    }

    assert said == {
        "/inappevent/id1": "https://api3.appsflyer.com",
        "/v1/b-1/event": "https://webs2s.appsflyer.com",
        "/event": "https://s2s.adjust.com",
        "/gdpr_forget_device": "https://gdpr.adjust.com",
    }
    assert registry.home_of("/v1/track") == ""
