"""The pages of postbacks: destinations made from templates, with a preview; the log; sending again."""

import csv
from typing import Any

import pytest
from django.test import Client

from attribution.models import Destination, Postback
from customers.models import Project
from tests.attribution.postbacks.conftest import Receiver, credited, destination, make, messages, network, send
from tests.factories import MemberFactory

pytestmark = pytest.mark.django_db
LIST = "/dashboard/acme/postbacks/"
CREATE = f"{LIST}destinations/create/"
WEBHOOK = {
    "name": "Our warehouse", "method": "POST", "url": "https://8.8.8.8/hook", "headers": "X-Key: 1", "body": "",
    "news": ["install", "rejected"], "events": "Order Completed, *", "sources": "",
}  # fmt: skip


def test_a_project_without_destinations_learns_what_they_are_for(editor: Client, project: Project) -> None:
    answer = editor.get(LIST)

    assert b"Tell a network what it brought" in answer.content
    assert b"curl http://testserver/v1/destinations" in answer.content


def test_every_template_opens_its_form_with_a_preview(editor: Client, project: Project) -> None:
    chosen = editor.get(CREATE)
    for code in ("webhook", "network", "tiktok", "meta", "google", "snapchat"):
        assert f"?template={code}".encode() in chosen.content

        answer = editor.get(f"{CREATE}?template={code}")

        assert answer.status_code == 200, code
        assert b"Winter sale" in answer.content or code in ("google", "meta", "network", "snapchat", "tiktok")
        assert b'id="preview"' in answer.content


def test_the_preview_is_made_of_the_newest_decision(editor: Client, project: Project) -> None:
    credited(project, "tiktok")
    fields = {**WEBHOOK, "method": "GET", "url": "https://8.8.8.8/?c={network_click_id}", "sources": "tiktok"}

    answer = editor.post(f"{LIST}destinations/check/?template=network", {**fields, "events": "", "news": ["install"]})

    assert b"https://8.8.8.8/?c=ttc-m-1" in answer.content
    assert not Destination.objects.exists()


def test_a_destination_is_made_and_its_secret_shown_once(editor: Client, project: Project) -> None:
    answer = editor.post(f"{CREATE}?template=webhook", WEBHOOK)

    made = Destination.objects.get()
    assert answer.status_code == 200
    secret = answer.context["secret"]
    assert secret.encode() in answer.content
    assert answer["Cache-Control"] == "no-store"
    assert made.news == ["install", "rejected", "Order Completed", "*"]
    assert made.headers == {"X-Key": "1"}
    assert secret.encode() not in editor.get(f"{LIST}destinations/{made.pk}/").content


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"url": "https://10.0.0.1/x"}, b"not an address of the public internet"),
        ({"url": "http://localhost:8000/x"}, b"not an address of the public internet"),
        ({"url": "https://8.8.8.8/?a={campain}"}, b"{campain} is no macro of ours"),
        ({"name": ""}, b"This field is required"),
        ({"news": [], "events": ""}, b"Choose at least one thing to tell"),
        ({"body": '{"a": {revenue}}', "headers": "Content-Type: application/json"}, b"this is not JSON"),
        ({"headers": "no colon here"}, b"can\xe2\x80\x99t be the name of a header"),
    ],
)
def test_a_wrong_form_keeps_what_was_typed_and_says_why(
    editor: Client, project: Project, fields: dict[str, Any], words: bytes
) -> None:
    answer = editor.post(f"{CREATE}?template=webhook", {**WEBHOOK, **fields})

    assert answer.status_code == 422
    assert words in answer.content
    assert b"Order Completed" in answer.content
    assert not Destination.objects.exists()


def test_a_change_keeps_the_token_that_was_not_typed_again(editor: Client, project: Project) -> None:
    one = destination(project, token="very-secret-token")
    address = f"{LIST}destinations/{one.pk}/edit/"
    assert b"very-secret-token" not in editor.get(address).content

    answer = editor.post(address, {**WEBHOOK, "name": "Renamed"})

    one.refresh_from_db()
    assert answer.status_code == 302
    assert one.name == "Renamed"
    assert b"kept encrypted" in editor.get(f"{LIST}destinations/{one.pk}/").content


def test_the_log_shows_messages_filters_and_a_file(editor: Client, project: Project) -> None:
    webhook, tiktok = destination(project), network(project, "tiktok")
    credited(project)
    make()
    Postback.objects.filter(destination=tiktok).update(state="failed")

    everything = editor.get(LIST)
    failed = editor.get(LIST, {"state": "failed"}, HTTP_HX_REQUEST="true")
    of_webhook = editor.get(LIST, {"destination": webhook.pk})
    nothing = editor.get(LIST, {"q": "nothing-like-this"})
    rows = list(csv.DictReader(b"".join(editor.get(LIST, {"format": "csv"}).streaming_content).decode().splitlines()))  # type: ignore[attr-defined]

    assert len(everything.context["rows"]) == 2
    assert [row.destination for row in failed.context["rows"]] == [tiktok]
    assert b"<html" not in failed.content
    assert [row.destination for row in of_webhook.context["rows"]] == [webhook]
    assert b"No message matches" in nothing.content
    assert {row["destination"] for row in rows} == {"Ours", "tiktok"}


def test_one_message_shows_request_tries_and_what_corrects_it(
    editor: Client, project: Project, receiver: Receiver
) -> None:
    webhook = destination(project, receiver.url)
    credited(project)
    make()
    receiver.say(500, body=b"<b>oops</b>")
    send()
    [told] = messages(webhook)

    answer = editor.get(f"{LIST}{told.pk}/")

    assert b"It answered 500." in answer.content
    assert b"&lt;b&gt;oops" in answer.content
    assert told.idempotency_key.encode() in answer.content


def test_messages_are_sent_again_one_and_many(editor: Client, viewer: Client, project: Project) -> None:
    webhook = destination(project)
    credited(project)
    make()
    Postback.objects.update(state="delivered")
    [told] = messages(webhook)

    assert viewer.post(f"{LIST}{told.pk}/again/").status_code == 403
    editor.post(f"{LIST}{told.pk}/again/")
    editor.post(f"{LIST}again/?state=delivered")

    assert b"Choose a filter first" in editor.post(f"{LIST}again/", follow=True).content

    assert [one.replay_of for one in messages(webhook)] == [None, told, told]


def test_a_test_leads_to_what_came_of_it(editor: Client, project: Project, receiver: Receiver) -> None:
    one = destination(project, receiver.url)

    answer = editor.post(f"{LIST}destinations/{one.pk}/test/", follow=True)

    assert b"The test arrived: it answered 200." in answer.content
    assert len(receiver.got) == 1


def test_pause_resume_archive_restore(editor: Client, viewer: Client, project: Project) -> None:
    one = destination(project)
    address = f"{LIST}destinations/{one.pk}/"

    for deed, state in (("pause", "Paused"), ("resume", "Live"), ("archive", "Archived"), ("restore", "Live")):
        assert viewer.post(f"{address}{deed}/").status_code == 403
        assert editor.post(f"{address}{deed}/").status_code == 302
        assert state.encode() in editor.get(address).content
    assert b"undo" in editor.post(f"{address}archive/", follow=True).content


def test_a_new_secret_takes_a_manager_and_the_name(editor: Client, project: Project, client: Client) -> None:
    one = destination(project)
    client.force_login(MemberFactory(organization=project.organization).user)
    address = f"{LIST}destinations/{one.pk}/secret/"

    assert editor.post(address, {"confirm": one.name}).status_code == 403
    assert b"the name did not match" in client.post(address, {"confirm": "x"}, follow=True).content
    assert client.post(address, {"confirm": one.name}).context["secret"].startswith("whsec_")
