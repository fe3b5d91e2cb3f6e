"""Erasing a person reaches requests in other vendors' formats."""

import pytest
from django.db import transaction

from events import person_erasure
from events.dialects import forgetting
from events.models import Identity, Rejected, VendorApp, VendorCopy
from tests.dialects import test_adjust, test_appsflyer
from tests.dialects.table import Desk
from tests.scene import digest_all

pytestmark = pytest.mark.django_db(transaction=True)


def test_refused_requests_and_copies_of_a_person_go_and_those_of_others_stay(desk: Desk) -> None:
    VendorApp.objects.update(forward=True)
    af, adjust = test_appsflyer.but, test_adjust.but
    desk.send(test_appsflyer.af("", "", af()))
    desk.send(test_appsflyer.af("", "", af(eventName=None)))
    desk.send(test_appsflyer.af("", "", af(eventName=None, appsflyer_id="1-2", customer_user_id="bob")))
    desk.send(test_adjust.event("", "", adjust(event_token="ada", idfa=test_appsflyer.DEVICE)))
    desk.send(test_adjust.event("", "", adjust(callback_params='{"note": "ada"}', event_token="no token")))
    digest_all()
    person = Identity.objects.get(project=desk.project, value="ada").person_id

    with transaction.atomic():
        person_erasure.begin(desk.project, person, None)

    assert sorted((row.path[:6], row.code) for row in Rejected.objects.all()) == [
        ("/event", "invalid_event_token"), ("/inapp", "missing_event"),
    ]  # fmt: skip
    bodies = [bytes(copy.body).decode() + copy.query for copy in VendorCopy.objects.all()]
    assert len(bodies) == 2
    assert not any(forgetting.mentions(body, "ada") for body in bodies)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"customer_user_id": "Ada"}', True),
        ('{"data": {"device_ids": {"IDFA": "ada"}}}', True),
        ('{"batch": [{"distinct_id": "ada"}]}', True),
        ('{"eventName": "ada"}', False),
        ("s2s=1&idfa=ada", True),
        ("s2s=ada", False),
        ('{"customer_user_id": "ada"', True),
    ],
)
def test_an_id_is_found_where_ids_are(text: str, found: bool) -> None:
    assert forgetting.mentions(text, "ada") == found
