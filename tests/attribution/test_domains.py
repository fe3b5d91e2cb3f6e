"""Own domains: claimed, proved by DNS, and answering nothing but links and the files of their apps."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset
import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from attribution import domains, links, touches
from attribution.models import Domain, Touch
from customers.activity import Entry, find_entries
from customers.models import Member, Project
from growthplatform.core.errors import InvalidField
from tests.attribution.conftest import Api
from tests.attribution.factories import IPHONE, LinkFactory
from tests.factories import MemberFactory, ProjectFactory

pytestmark = pytest.mark.django_db
LIST = "/dashboard/acme/links/domains/"
PRINT = ":".join(["AB"] * 32)


class Dns:
    """A name server on loopback: it answers the records it holds, NXDOMAIN for any other name."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            wire, sender = self._socket.recvfrom(4096)
            if not wire:
                return
            asked = dns.message.from_wire(wire)
            question = asked.question[0]
            name, kind = question.name.to_text(omit_final_dot=True), question.rdtype.name
            answer = dns.message.make_response(asked)
            answer.flags |= dns.flags.RA
            if texts := self.records.get((name, kind)):
                answer.answer.append(dns.rrset.from_text_list(question.name, 60, "IN", kind, texts))
            elif not any(known == name for known, _ in self.records):
                answer.set_rcode(dns.rcode.NXDOMAIN)
            self._socket.sendto(answer.to_wire(), sender)

    def stop(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as knock:
            knock.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join()
        self._socket.close()


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Dns]:
    server = Dns()

    def resolver() -> dns.resolver.Resolver:
        asked = dns.resolver.Resolver(configure=False)
        asked.nameservers, asked.port, asked.lifetime = ["127.0.0.1"], server.port, 2.0
        return asked

    monkeypatch.setattr(domains, "resolver", resolver)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _fresh(settings: Any) -> Iterator[None]:
    settings.ALLOWED_HOSTS = ["testserver", "growth.example"]
    domains.forget_cached()
    touches.forget_cached()
    yield
    domains.forget_cached()


def verified(project: Project, host: str = "go.shop.example", **fields: Any) -> Domain:
    domain = Domain.objects.create(project=project, host=host, token="t", verified_at=timezone.now(), **fields)
    domains.forget_cached()
    return domain


def test_a_database_that_is_away_takes_no_verified_host_with_it(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified(project)
    assert domains.find("go.shop.example") is not None

    def away() -> dict[str, domains.Host]:
        raise OperationalError

    monkeypatch.setattr(domains, "_verified", away)
    monkeypatch.setattr(domains.time, "monotonic", lambda: 10**9)

    assert domains.find("go.shop.example") is not None


@pytest.mark.django_db(databases=[])
@pytest.mark.parametrize("header", ["", "testserver", "Growth.Example:443", "127.0.0.1:8000", "10.1.2.3", "[::1]:80"])
def test_our_own_names_and_addresses_need_no_look(header: str) -> None:
    assert domains.find(header) is None


@pytest.fixture
def manager(project: Project) -> Client:
    client = Client()
    client.force_login(MemberFactory(organization=project.organization, role=Member.Role.ADMIN).user)
    return client


def test_a_host_is_proved_by_its_txt_record(project: Project, name_server: Dns) -> None:
    domain = domains.add(project, "https://Go.Shop.Example:443/x")

    early = domains.check(domain, now=timezone.now()).problem
    name_server.records["_growth-platform.go.shop.example", "TXT"] = ['"growth-platform-verify=wrong"']
    wrong = domains.check(domain, now=timezone.now()).problem
    name_server.records["_growth-platform.go.shop.example", "TXT"].append(f'"{domains.proof_of(domain)}"')
    found = domains.check(domain, now=timezone.now())

    assert domain.host == "go.shop.example"
    assert "no TXT record _growth-platform.go.shop.example" in early
    assert "says something else: growth-platform-verify=wrong" in wrong
    assert found.verified_at is not None
    assert "no address in DNS yet" in found.problem

    name_server.records["go.shop.example", "A"] = ["203.0.113.9"]
    assert domains.check(domain, now=timezone.now()).problem == ""


def test_a_verified_host_stays_so_when_its_record_has_gone(project: Project, name_server: Dns) -> None:
    domain = verified(project)

    domains.check(domain, now=timezone.now())

    assert Domain.objects.get().verified_at is not None


def test_a_silent_name_server_is_no_proof(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent() -> dns.resolver.Resolver:
        asked = dns.resolver.Resolver(configure=False)
        asked.nameservers, asked.port, asked.lifetime = ["127.0.0.1"], 9, 0.2
        return asked

    monkeypatch.setattr(domains, "resolver", silent)

    domain = domains.check(domains.add(project, "go.shop.example"), now=timezone.now())

    assert domain.verified_at is None
    assert "DNS did not answer" in domain.problem


def test_a_verified_host_cannot_be_taken_by_another_project(project: Project, name_server: Dns) -> None:
    theirs = domains.add(ProjectFactory(), "go.shop.example")
    name_server.records["_growth-platform.go.shop.example", "TXT"] = [f'"{domains.proof_of(theirs)}"']
    verified(project)

    with pytest.raises(domains.HostTaken):
        domains.add(ProjectFactory(), "go.shop.example")
    with pytest.raises(domains.HostTaken):
        domains.check(theirs, now=timezone.now())
    assert Domain.objects.get(verified_at__isnull=False).project == project


def test_a_claim_without_proof_keeps_nobody_out(project: Project, name_server: Dns) -> None:
    domains.add(ProjectFactory(), "go.shop.example")
    mine = domains.add(project, "go.shop.example")
    name_server.records["_growth-platform.go.shop.example", "TXT"] = [f'"{domains.proof_of(mine)}"']

    assert domains.check(mine, now=timezone.now()).verified_at is not None
    assert domains.add(project, "GO.shop.example") == mine


@pytest.mark.parametrize(
    "host",
    [
        "", "localhost", "growth.example", "GROWTH.example.", "127.0.0.1", "[::1]", "10.0.0.1:80", "shop", "-a.example",
        "a..example", "a b.example", "x" * 64 + ".example", "*.shop.example", "ü" * 80 + ".example",
    ],
)  # fmt: skip
def test_what_is_nobodys_public_host_is_refused(project: Project, host: str) -> None:
    with pytest.raises(InvalidField):
        domains.add(project, host)
    assert not Domain.objects.exists()


def test_names_below_an_allowed_domain_are_the_installations(project: Project, settings: Any) -> None:
    settings.ALLOWED_HOSTS = [".growth.example"]
    domains.forget_cached()

    with pytest.raises(InvalidField):
        domains.add(project, "go.growth.example")


def test_a_link_answers_on_its_projects_domain_with_and_without_c(client: Client, project: Project) -> None:
    verified(project)
    LinkFactory(slug="winter", project=project)

    for path in ("/winter", "/c/winter", "/WINTER?sub1=a", "/i/winter"):
        answer = client.get(path, HTTP_HOST="Go.Shop.Example:443", HTTP_USER_AGENT=IPHONE)
        assert answer.status_code == (200 if path.startswith("/i/") else 302), path

    assert Touch.objects.filter(link__slug="winter").count() == 4


def test_another_projects_link_does_not_exist_on_it(client: Client, project: Project) -> None:
    verified(project)
    LinkFactory(slug="theirs")

    assert client.get("/theirs", HTTP_HOST="go.shop.example", HTTP_USER_AGENT=IPHONE).status_code == 404
    assert client.get("/c/theirs", HTTP_HOST="testserver", HTTP_USER_AGENT=IPHONE).status_code == 302
    assert Touch.objects.count() == 1


@pytest.mark.parametrize(
    "path",
    [
        "/", "/dashboard/", "/dashboard/acme/links/", "/accounts/login/", "/admin/", "/v1/links", "/v1/batch",
        "/metrics", "/livez", "/api/docs/", "/static/app.css", "/c/", "/i/", "/.well-known/other", "/analytics.js/x",
        "//evil.example",
    ],
)  # fmt: skip
def test_nothing_else_answers_on_a_link_domain(client: Client, editor: Client, project: Project, path: str) -> None:
    verified(project)

    for asker in (client, editor):
        answer = asker.get(path, HTTP_HOST="go.shop.example")
        assert answer.status_code == 404, path
        assert b"mistyped" in answer.content or path.startswith("/.well-known")
        assert not answer.cookies


def test_a_link_domain_takes_no_posts(client: Client, project: Project) -> None:
    verified(project, ios_app_ids=["ABCDE12345.com.example.app"])
    LinkFactory(slug="winter", project=project)

    for path in ("/winter", "/i/winter", "/.well-known/apple-app-site-association"):
        assert client.post(path, HTTP_HOST="go.shop.example").status_code == 405


@pytest.mark.parametrize(
    "host", ["go.shop.example", "evil.example", "growth.example.evil.example", "testserver@evil.example"]
)
def test_an_unknown_host_serves_nothing(client: Client, project: Project, host: str) -> None:
    Domain.objects.create(project=project, host="go.shop.example", token="t")
    LinkFactory(slug="winter", project=project)

    assert client.get("/c/winter", HTTP_HOST=host, HTTP_USER_AGENT=IPHONE).status_code == 404
    assert client.get("/i/winter", HTTP_HOST=host, HTTP_USER_AGENT=IPHONE).status_code == 404
    assert client.get("/winter", HTTP_HOST=host).status_code in {400, 404}
    assert client.get("/accounts/login/", HTTP_HOST=host).status_code == 400
    assert not Touch.objects.exists()


def test_the_installations_own_name_never_becomes_a_link_domain(client: Client, project: Project) -> None:
    verified(project, "growth.example")

    answer = client.get("/accounts/login/", HTTP_HOST="growth.example")

    assert answer.status_code == 200


def test_the_files_of_apps_are_served_by_host(client: Client, project: Project) -> None:
    verified(
        project,
        ios_app_ids=["ABCDE12345.com.example.app"],
        android_package="com.example.app",
        android_fingerprints=[PRINT],
    )
    verified(ProjectFactory(), "go.other.example")

    apple = client.get("/.well-known/apple-app-site-association", HTTP_HOST="go.shop.example")
    android = client.get("/.well-known/assetlinks.json", HTTP_HOST="go.shop.example")

    assert (apple.status_code, apple["Content-Type"]) == (200, "application/json")
    [details] = apple.json()["applinks"]["details"]
    assert details["appIDs"] == ["ABCDE12345.com.example.app"]
    assert details["components"][0] == {"/": "/i/*", "exclude": True}
    assert details["components"][-1] == {"/": "/*"} or details["components"][-1] == {"/": "*"}
    assert android["Content-Type"] == "application/json"
    assert android.json() == [
        {
            "relation": ["delegate_permission/common.handle_all_urls"],
            "target": {
                "namespace": "android_app",
                "package_name": "com.example.app",
                "sha256_cert_fingerprints": [PRINT],
            },
        }
    ]
    for path in ("/.well-known/apple-app-site-association", "/.well-known/assetlinks.json"):
        assert client.get(path, HTTP_HOST="go.other.example").status_code == 404
        assert client.get(path).status_code == 404


def test_robots_may_look_but_find_nothing_to_keep(client: Client, project: Project) -> None:
    verified(project)

    assert client.get("/robots.txt", HTTP_HOST="go.shop.example").content.startswith(b"User-agent: *")


def test_a_link_made_for_a_domain_stands_on_it(project: Project) -> None:
    domain = verified(project)

    link = links.create(
        project, name="Winter", source="qr", fallback_url="https://a.example", slug="w", domain="GO.shop.example"
    )

    assert link.domain == domain
    assert links.address(link, "https://growth.example") == "https://go.shop.example/w"
    domains.remove(domain)
    link.refresh_from_db()
    assert links.address(link, "https://growth.example") == "https://growth.example/c/w"


def test_a_destination_on_a_link_domain_would_go_in_circles(project: Project) -> None:
    verified(project)

    with pytest.raises(InvalidField, match="tracking link"):
        links.create(project, name="A", source="qr", fallback_url="https://go.shop.example/other")


def test_a_proxy_learns_which_hosts_are_verified(client: Client, project: Project) -> None:
    verified(project)

    assert client.get("/v1/domains/verified?domain=go.shop.example").status_code == 200
    assert client.get("/v1/domains/verified?domain=evil.example").status_code == 404


def test_the_pages_take_a_host_from_its_claim_to_its_apps(manager: Client, project: Project, name_server: Dns) -> None:
    assert b"None yet" in manager.get(LIST).content

    claimed = manager.post(f"{LIST}add/", {"host": "go.shop.example"}, follow=True)
    domain = Domain.objects.get()
    assert domains.proof_of(domain).encode() in claimed.content
    early = manager.post(f"{LIST}{domain.pk}/check/", follow=True)
    assert b"Not proved yet" in early.content
    name_server.records["_growth-platform.go.shop.example", "TXT"] = [f'"{domains.proof_of(domain)}"']
    proved = manager.post(f"{LIST}{domain.pk}/check/", follow=True)
    assert b"go.shop.example is yours" in proved.content

    form = {
        f"domain-{domain.pk}-ios_app_ids": "ABCDE12345.com.example.app\n",
        f"domain-{domain.pk}-android_package": "com.example.app",
        f"domain-{domain.pk}-android_fingerprints": PRINT.lower(),
    }
    wrong = manager.post(f"{LIST}{domain.pk}/apps/", {**form, f"domain-{domain.pk}-ios_app_ids": "com.example"})
    assert wrong.status_code == 422
    assert manager.post(f"{LIST}{domain.pk}/apps/", form).status_code == 302
    domain.refresh_from_db()
    assert (domain.ios_app_ids, domain.android_fingerprints) == (["ABCDE12345.com.example.app"], [PRINT])

    assert manager.post(f"{LIST}{domain.pk}/remove/", {"confirm": "no"}).status_code == 302
    assert Domain.objects.exists()
    manager.post(f"{LIST}{domain.pk}/remove/", {"confirm": "go.shop.example"})
    assert not Domain.objects.exists()
    entries = [Entry.of(row) for row in find_entries(project.organization).order_by("timestamp")]
    assert [(one.thing, one.name, one.verb) for one in entries if one.thing == "Domain"] == [
        ("Domain", "go.shop.example", verb) for verb in ("added", "changed", "changed", "removed")
    ]
    assert entries[-1].actor != "The system"


def test_a_wrong_host_is_said_beside_its_field(manager: Client, project: Project) -> None:
    answer = manager.post(f"{LIST}add/", {"host": "shop"})

    assert answer.status_code == 422
    assert answer.context["form"].errors["host"]


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"ios_app_ids": ["x"]}, "ios_app_ids"),
        ({"android_package": "no package"}, "android_package"),
        ({"android_package": "com.a", "android_fingerprints": ["AB"]}, "android_fingerprints"),
        ({"android_package": "com.a"}, "android_fingerprints"),
        ({"android_fingerprints": [PRINT]}, "android_package"),
    ],
)
def test_apps_that_no_phone_would_accept_are_refused(project: Project, given: dict[str, Any], field: str) -> None:
    usual: dict[str, Any] = {"ios_app_ids": [], "android_package": "", "android_fingerprints": []}

    with pytest.raises(InvalidField) as refusal:
        domains.set_apps(verified(project), **{**usual, **given})

    assert refusal.value.detail[0]["field"] == field


def test_only_managers_change_domains_and_strangers_see_none(
    editor: Client, stranger: Client, project: Project
) -> None:
    domain = verified(project)

    assert editor.get(f"{LIST}{domain.pk}/").status_code == 200
    assert stranger.get(LIST).status_code == 404
    for path in ("add/", f"{domain.pk}/check/", f"{domain.pk}/apps/", f"{domain.pk}/remove/"):
        assert editor.post(LIST + path, {"host": "a.example"}).status_code == 403
        assert stranger.post(LIST + path).status_code == 404
    assert editor.get(f"{LIST}{verified(ProjectFactory(), 'x.example').pk}/").status_code == 404


def test_the_api_takes_a_host_from_its_claim_to_its_apps(api: Api, name_server: Dns) -> None:
    claimed = api("POST", "/v1/domains", {"host": "Go.Shop.example"})
    record = claimed.json()["record"]
    early = api("PATCH", "/v1/domains/go.shop.example", {"verify": True}).json()
    name_server.records[record["name"], "TXT"] = [f'"{record["value"]}"']
    proved = api("PATCH", "/v1/domains/go.shop.example", {"verify": True, "ios": ["ABCDE12345.com.example.app"]}).json()
    listed = api("GET", "/v1/domains").json()["results"]
    android = {"package": "com.example.app", "fingerprints": [PRINT]}
    named = api("PATCH", "/v1/domains/go.shop.example", {"android": android}).json()

    assert (claimed.status_code, claimed.json()["verifiedAt"]) == (201, None)
    assert (early["verifiedAt"], "no TXT record" in early["problem"]) == (None, True)
    assert proved["verifiedAt"] is not None
    assert [row["host"] for row in listed] == ["go.shop.example"]
    assert (named["ios"], named["android"]) == (["ABCDE12345.com.example.app"], android)
    assert api("DELETE", "/v1/domains/go.shop.example").status_code == 204
    assert not Domain.objects.exists()


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "", {"host": "x"}, "host"),
        ("POST", "", {}, "host"),
        ("POST", "", {"host": "a.example", "more": 1}, "more"),
        ("PATCH", "/go.shop.example", {"ios": ["x"]}, "ios"),
        ("PATCH", "/go.shop.example", {"android": {"package": "com.a"}}, "android.fingerprints"),
        ("PATCH", "/go.shop.example", {"android": {"package": "-", "fingerprints": [PRINT]}}, "android.package"),
    ],
)
def test_what_a_host_cannot_be_names_its_field(api: Api, method: str, path: str, body: Any, field: str) -> None:
    verified(api.project)

    answer = api(method, f"/v1/domains{path}", body)

    assert answer.status_code == 400
    assert [row["field"] for row in answer.json()["detail"]] == [field]


def test_another_projects_host_does_not_exist_in_the_api(api: Api) -> None:
    verified(ProjectFactory(), "go.theirs.example")

    assert api("PATCH", "/v1/domains/go.theirs.example", {"verify": True}).status_code == 404
    assert api("DELETE", "/v1/domains/go.theirs.example").status_code == 404
    assert api("POST", "/v1/domains", {"host": "go.theirs.example"}).json()["code"] == "host_taken"
    assert api("GET", "/v1/domains").json()["results"] == []
    for method, path in (("GET", ""), ("POST", ""), ("PATCH", "/x.example"), ("DELETE", "/x.example")):
        assert api(method, f"/v1/domains{path}", {}, key="").status_code == 401
