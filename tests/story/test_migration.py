"""A company moves from AppsFlyer: the host is changed, names are accepted, both are compared, nothing is lost."""

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from attribution import decisions, installs, late, tasks
from attribution.exports.appsflyer import COLUMNS
from attribution.models import Conversion, VendorImport
from customers.models import Project
from events import services as events
from events.dialects import vendors
from events.models import EventName, Rejected, VendorApp, VendorCopy
from tests.attribution.vendor_server import Vendor, running
from tests.factories import ApiKeyFactory, MemberFactory, ProjectFactory

pytestmark = pytest.mark.django_db(transaction=True)
APP, DEV_KEY = "com.example.shop", "4kPNZS2tfj7MqcLeYv8s9A"
SLUG = "shop-mover"
PAGES = f"/dashboard/{SLUG}"
INSTALLS = (
    ("facebook_ads_int", "Lookalike EU", 3),
    ("bytedanceglobal_int", "Winter sale", 2),
    ("Organic", "", 2),
)


@pytest.fixture
def vendor(settings: Any, tmp_path: Path) -> Iterator[Vendor]:
    settings.OUTBOUND_PRIVATE_NETWORKS = (ip_network("127.0.0.0/8"),)
    settings.EXPORTS_URL = str(tmp_path)
    vendors.forget_cached()
    with running() as made:
        yield made


@pytest.fixture
def project() -> Project:
    return ProjectFactory(slug=SLUG, currency="USD", time_zone="UTC")


@pytest.fixture
def owner(project: Project) -> Client:
    client = Client()
    client.force_login(MemberFactory(organization=project.organization).user)
    return client


def raw_data(at: datetime) -> bytes:
    """Return AppsFlyer's export of the installs before the move, with its 81 columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, restval="")
    writer.writeheader()
    number = 0
    for source, campaign, many in INSTALLS:
        for _ in range(many):
            number += 1
            organic = source == "Organic"
            writer.writerow(
                {
                    "Attributed Touch Type": "" if organic else "click",
                    "Attributed Touch Time": "" if organic else f"{at - timedelta(minutes=30):%Y-%m-%d %H:%M:%S}",
                    "Install Time": f"{at:%Y-%m-%d %H:%M:%S}",
                    "Event Time": f"{at:%Y-%m-%d %H:%M:%S}",
                    "Event Name": "install",
                    "Media Source": source,
                    "Campaign": campaign,
                    "AppsFlyer ID": device(number),
                    "Customer User ID": f"user-{number}",
                    "Platform": "android",
                    "App ID": APP,
                }
            )
    return text.getvalue().encode()


def device(number: int) -> str:
    return f"170000000000{number}-{number}"


def server_event(name: str, number: int, value: dict[str, Any], app: str = APP) -> Any:
    """Send what the company's server sends to AppsFlyer; only the host is another one."""
    body = {
        "appsflyer_id": device(number),
        "customer_user_id": f"user-{number}",
        "eventName": name,
        "eventValue": orjson.dumps(value).decode(),
        "eventCurrency": "USD",
        "eventTime": f"{timezone.now():%Y-%m-%d %H:%M:%S.%f}"[:-3],
    }
    return Client().post(
        f"/inappevent/{app}", orjson.dumps(body), content_type="application/json", HTTP_AUTHENTICATION=DEV_KEY
    )


def work() -> None:
    """Do what the worker does within two seconds."""
    while (stretch := events.digest()) and stretch.more:
        pass
    for _ in range(20):
        _, more = installs.gather()
        late.reopen(now=timezone.now())
        decisions.decide_pending(5_000, now=timezone.now())
        if not more:
            break


def test_a_company_moves_from_appsflyer(owner: Client, project: Project, vendor: Vendor) -> None:
    yesterday = (timezone.now() - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)

    name_the_app_and_take_over(owner, project, yesterday)
    send_here_what_was_sent_there(owner, project, vendor)
    accept_the_names(owner, project)
    look_at_what_the_vendor_got(project, vendor)
    bring_the_report(owner, yesterday.date())
    read_the_difference(owner, project)


def name_the_app_and_take_over(owner: Client, project: Project, yesterday: datetime) -> None:
    """The app is named as AppsFlyer knows it, and its raw data is taken over."""
    owner.post(f"{PAGES}/vendors/appsflyer/apps/", {"app_id": APP, "key": DEV_KEY})
    file = SimpleUploadedFile("installs.csv", raw_data(yesterday))
    owner.post(f"{PAGES}/shadow/imports/raw/", {"time_zone": "UTC", "file": file})
    tasks.read_vendor_files()
    work()
    taken = VendorImport.objects.get(project=project)
    assert (taken.state, taken.taken, taken.summary["touches"]) == ("done", 7, 5)


def send_here_what_was_sent_there(owner: Client, project: Project, vendor: Vendor) -> None:
    """Copies go on to the old vendor, and the company's server sends here what it sent there."""
    app = VendorApp.objects.get(project=project)
    owner.post(f"{PAGES}/shadow/apps/{app.pk}/forward/", {"on": "1", "url": vendor.url})
    answer = server_event("af_purchase", 1, {"af_revenue": 40, "af_order_id": "A-1"})
    assert (answer.status_code, answer.content) == (200, b"OK")
    assert server_event("af_complete_registration", 4, {}).content == b"OK"
    wrong = server_event("af_purchase", 1, {"af_revenue": 5}, app="123456789")
    assert wrong.status_code == 200
    assert "X-Ingest-Warning" in wrong
    assert Rejected.objects.filter(project=project).count() == 1


def accept_the_names(owner: Client, project: Project) -> None:
    """The names that arrived are suggested, and accepted with one press."""
    work()
    names = owner.get(f"{PAGES}/vendors/appsflyer/names/")
    suggested = [line for line in names.context["lines"] if line.suggested]
    assert {(line.theirs, line.suggested) for line in suggested} == {
        ("af_purchase", "Order Completed"), ("af_complete_registration", "Signed Up")
    }  # fmt: skip
    owner.post(
        f"{PAGES}/vendors/appsflyer/names/accept/",
        {"theirs": [line.theirs for line in suggested], "ours": [line.suggested for line in suggested]},
    )
    assert EventName.objects.filter(project=project).count() == 2
    vendors.forget_cached()
    server_event("af_purchase", 4, {"af_revenue": 10, "af_order_id": "A-2"})
    work()
    order = Conversion.objects.get(project=project, name="Order Completed")
    assert order.install
    assert order.install.decision.campaign == "Winter sale"


def look_at_what_the_vendor_got(project: Project, vendor: Vendor) -> None:
    """The vendor got every request as it was sent."""
    tasks.send_vendor_copies()
    assert len(vendor.seen) == VendorCopy.objects.filter(project=project, state="delivered").count() >= 3
    assert {one["path"] for one in vendor.seen} == {f"/inappevent/{APP}"}
    assert {one["headers"]["authentication"] for one in vendor.seen} == {DEV_KEY}
    assert {orjson.loads(body)["eventName"] for body in vendor.bodies()} == {"af_purchase", "af_complete_registration"}


def bring_the_report(owner: Client, day: date) -> None:
    """Its report is brought, one campaign is called otherwise there, and the rest is equal."""
    report = (
        "Date,Agency/PMD (af_prt),Media Source (pid),Campaign (c),Impressions,Clicks,Installs,Total Revenue\n"
        f"{day},None,facebook_ads_int,Lookalike EU,100,10,3,40\n"
        f"{day},None,bytedanceglobal_int,winter_sale,90,9,2,0\n"
        f"{day},None,Organic,None,N/A,N/A,3,0\n"
    )
    looked = owner.post(
        f"{PAGES}/shadow/imports/numbers/",
        {"vendor": "appsflyer", "time_zone": "UTC", "file": SimpleUploadedFile("partners.csv", report.encode())},
    )
    assert looked.context["sums"].installs == 8
    fields = {f"map-{field}": column for field, column in looked.context["mapping"].items()}
    sent = {"text": looked.context["text"], "name": "partners.csv", "vendor": "appsflyer", "time_zone": "UTC", **fields}
    owner.post(f"{PAGES}/shadow/imports/numbers/", {**sent, "take": "1"})

    shown = owner.get(f"{PAGES}/shadow/")
    [alias] = shown.context["aliases"]
    assert (alias.theirs, alias.ours) == (("tiktok", "winter_sale"), ("tiktok", "Winter sale"))
    owner.post(
        f"{PAGES}/shadow/names/",
        {"vendor": "appsflyer", "source": "tiktok", "campaign": "winter_sale", "to_source": "tiktok",
         "to_campaign": "Winter sale"},
    )  # fmt: skip


def read_the_difference(owner: Client, project: Project) -> None:
    """Page and API say the same."""
    shown = owner.get(f"{PAGES}/shadow/").content.decode()
    key = ApiKeyFactory(project=project).text
    said = Client().get("/v1/metrics/shadow", HTTP_AUTHORIZATION=f"Bearer {key}").json()
    assert said["verdict"]["sentence"] == "87.5% equal over 1 day"
    assert said["verdict"]["sentence"] in shown
    assert said["otherwiseNamed"] == []
    rows = {row["campaign"]: (row["theirs"], row["ours"], row["difference"]) for row in said["rows"]}
    assert rows == {"": (3, 2, 1), "Lookalike EU": (3, 3, 0), "Winter sale": (2, 2, 0)}
    assert said["rows"][0]["reasons"] == [{"code": "provisional", "explains": 1, "found": 2}]
