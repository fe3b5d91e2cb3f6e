"""The app's own question."""

from datetime import timedelta

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from attribution import announce, installs
from attribution.models import Decision, Install
from customers.models import ApiKey, Project
from events.models import Event
from tests.attribution.factories import LinkFactory, TouchFactory, decide, decision_of, install, track
from tests.factories import ApiKeyFactory, ProjectFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def project() -> Project:
    return ProjectFactory()


class App:
    """Asks as an app would, with the project's write key."""

    def __init__(self, project: Project) -> None:
        self.key = ApiKeyFactory(project=project, kind=ApiKey.Kind.WRITE).text

    def __call__(self, key: str | None = None, **query: str) -> tuple[int, dict[str, object]]:
        key = self.key if key is None else key
        answer = Client().get("/v1/attribution/me", query, **({"HTTP_AUTHORIZATION": f"Bearer {key}"} if key else {}))
        return answer.status_code, orjson.loads(answer.content)


@pytest.fixture
def app(project: Project) -> App:
    return App(project)


def test_the_install_is_decided_when_the_app_asks(project: Project, app: App) -> None:
    link = LinkFactory(project=project, deep_link="/usual")
    TouchFactory(
        project=project,
        touch_id="c-1",
        ts=timezone.now() - timedelta(minutes=1),
        link=link,
        deep_link="/sale/boots",
        params={"sub1": "spring"},
        ad_set="Boots",
    )
    message_id = install(project, at=timezone.now(), properties={"click_id": "c-1"})

    status, answer = app(messageId=message_id)

    assert status == 200
    assert (answer["status"], answer["source"], answer["adSet"]) == ("attributed", "tiktok", "Boots")
    assert (answer["deepLink"], answer["params"], answer["isFirst"]) == ("/sale/boots", {"sub1": "spring"}, True)
    assert decision_of(message_id).revision == 1


def test_the_stream_brings_the_same_install_no_second_time(project: Project, app: App) -> None:
    message_id = install(project)
    app(messageId=message_id)

    decide()

    assert Install.objects.count() == Decision.objects.count() == 1


@pytest.mark.parametrize("name", ["messageId", "anonymousId", "userId"])
def test_each_of_three_ids_names_the_install(project: Project, app: App, name: str) -> None:
    user = "anna" if name == "userId" else ""
    message_id = track(project, "Application Installed", who="a-7", user=user, at=timezone.now())
    asked = {"messageId": message_id, "anonymousId": "a-7", "userId": "anna"}[name]

    status, answer = app(**{name: asked})

    assert (status, answer["status"], answer["deepLink"]) == (200, "organic", None)


def test_without_a_place_of_its_own_the_click_leads_to_its_links(project: Project, app: App) -> None:
    link = LinkFactory(project=project, deep_link="/usual")
    TouchFactory(project=project, touch_id="c-1", link=link, ts=timezone.now() - timedelta(minutes=1))
    message_id = install(project, at=timezone.now(), properties={"click_id": "c-1"})

    assert app(messageId=message_id)[1]["deepLink"] == "/usual"


def test_the_answer_names_no_click_device_or_person(project: Project, app: App) -> None:
    TouchFactory(
        project=project,
        touch_id="somebodys-click",
        ts=timezone.now() - timedelta(minutes=1),
        device_id="device-9",
        advertising_id="38400000-8cf0-11bd-b23e-10b96e40000d",
        user_id="berta",
        email_sha256="e" * 64,
        ip="203.0.113.99",
        network_click_id="gclid-5",
    )
    message_id = install(project, at=timezone.now(), device={"id": "device-9"})

    _, answer = app(messageId=message_id)

    text = orjson.dumps(answer).decode()
    assert answer["tier"] == "device_id"
    for secret in ("somebodys-click", "device-9", "38400000", "berta", "eeee", "203.0.113", "gclid"):
        assert secret not in text


def test_a_week_later_the_place_is_not_told_any_more(project: Project, app: App) -> None:
    TouchFactory(project=project, touch_id="c-1", deep_link="/sale", params={"sub1": "x"})
    message_id = install(project, properties={"click_id": "c-1"})
    decide()
    Install.objects.update(received_at=timezone.now() - timedelta(days=8))

    _, answer = app(messageId=message_id)

    assert (answer["source"], answer["deepLink"], answer["params"], answer["clickedAt"]) == ("tiktok", None, {}, None)


def test_an_open_that_no_click_brought_is_answered_too(project: Project, app: App) -> None:
    message_id = track(project, "Application Opened", at=timezone.now())

    assert app(messageId=message_id) == (200, {"status": "organic", "isFirst": False, "kind": "open"})


def test_what_somebody_else_decides_this_moment_is_pending(
    project: Project, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    message_id = install(project)
    installs.gather()
    monkeypatch.setattr("attribution.decisions.decide_one", lambda *_, **__: False)

    assert app(messageId=message_id) == (202, {"status": "pending"})


def test_an_install_nobody_sent_is_unknown(project: Project, app: App) -> None:
    stranger = ProjectFactory()
    theirs = install(stranger, who="theirs")
    track(project, "Screen Seen")

    for query in ({"messageId": "nothing"}, {"messageId": theirs}, {"anonymousId": "theirs"}, {"userId": "\u0661"}):
        status, answer = app(**query)
        assert (status, answer["code"]) == (404, "unknown_install")


@pytest.mark.parametrize("query", [{}, {"messageId": " "}, {"messageId": "a", "userId": "b"}, {"userId": "a\x00b"}])
def test_a_question_must_name_one_id(app: App, query: dict[str, str]) -> None:
    status, answer = app(**query)

    assert (status, answer["code"]) == (400, "invalid_field")


def test_without_a_key_nothing_is_answered(app: App) -> None:
    assert app(key="", messageId="m")[0] == 401
    assert app(key="wk_nothing", messageId="m")[0] == 401


def told(project: Project) -> list[Event]:
    return list(Event.objects.filter(project=project, name="Install Attributed").order_by("id"))


def test_each_decision_is_told_to_the_stream_once(project: Project) -> None:
    TouchFactory(project=project, touch_id="c-1", ad_set="Boots", creative="9x16", ad="A")
    message_id = install(project, properties={"click_id": "c-1"}, who="anna")
    decide()

    assert announce.announce(now=timezone.now()) == 1
    assert announce.announce(now=timezone.now()) == 0
    decide()

    event = told(project)[0]
    decision = decision_of(message_id)
    assert len(told(project)) == 1
    assert (event.message_id, event.anonymous_id) == (f"attributed-{decision.pk}-1", "anna")
    assert event.properties["campaign"] == {
        "source": "tiktok",
        "name": "Winter sale",
        "content": "A",
        "ad_creative": "9x16",
        "ad_group": "Boots",
    }
    assert event.properties["decisionId"] == f"dec_{decision.pk}"
    assert Decision.objects.count() == 1


def test_a_revision_is_told_again(project: Project) -> None:
    message_id = install(project, properties={"click_id": "late"})
    decide()
    announce.announce(now=timezone.now())
    received_at = Install.objects.get().received_at
    TouchFactory(project=project, touch_id="late", received_at=received_at)
    Install.objects.update(pending=True)
    decide()

    announce.announce(now=timezone.now())

    assert [event.properties["revision"] for event in told(project)] == [1, 2]
    assert [event.properties["tier"] for event in told(project)] == ["organic", "click_id"]
    assert decision_of(message_id).announced == 2


def test_old_decisions_are_no_news(project: Project) -> None:
    install(project)
    decide()

    announce.announce(now=timezone.now() + timedelta(days=8))

    assert told(project) == []
    assert Decision.objects.get().announced == 1
