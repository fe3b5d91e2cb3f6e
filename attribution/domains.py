"""Hosts of a project's own that its links stand on: claimed, proved by DNS, and found again at each tap."""

import ipaddress
import re
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

import dns.exception
import dns.rdatatype
import dns.resolver
from auditlog.models import LogEntry
from django.conf import settings
from django.db import DatabaseError, IntegrityError, transaction

from attribution.models import Domain
from customers.models import Project
from growthplatform.core.errors import InvalidField, Problem

# A host that was verified or taken away a moment ago is known this late at the most, in each web process.
CACHE_S = 10.0
RETRY_S = 1.0
DNS_S = 3.0
MOST_PER_PROJECT = 20
# The proof has a name of its own: a host that is an alias (CNAME) can have no other record.
PROOF_NAME = "_growth-platform."
PROOF = "growth-platform-verify="
LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")
IOS_APP = re.compile(r"[A-Z0-9]{10}\.[A-Za-z0-9.-]{1,155}")
PACKAGE = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+")
FINGERPRINT = re.compile(r"([0-9A-F]{2}:){31}[0-9A-F]{2}")


class HostTaken(Problem):
    status = 409
    code = "host_taken"
    message = "host: this host is verified by another project already."

    def __init__(self) -> None:
        super().__init__(detail=[{"field": "host", "message": "This host is verified by another project already."}])


@dataclass(frozen=True, slots=True)
class Host:
    """A verified host, as a tap needs it."""

    name: str
    project_id: int
    ios_app_ids: tuple[str, ...]
    android_package: str
    android_fingerprints: tuple[str, ...]
    home: str


_hosts: tuple[float, dict[str, Host]] = (0.0, {})


def forget_cached() -> None:
    """Drop what this process remembers of hosts."""
    global _hosts  # noqa: PLW0603 -- the one memory of this process
    _hosts = (0.0, {})
    own_names.cache_clear()


def find(header: str) -> Host | None:
    """Return the verified host that a Host header names, at most 10 s old; None for any other.

    Never the installation's own name, even when somebody could prove to hold it.
    """
    global _hosts  # noqa: PLW0603
    name = header.partition(":")[0].lower().rstrip(".")
    if not name or name in own_names() or name[0] == "[" or name.rpartition(".")[2].isdigit():
        return None  # ours, or an address: no need to look, also while there is no database
    now = time.monotonic()
    if _hosts[0] < now:
        try:
            _hosts = (now + CACHE_S, _verified())
        except DatabaseError:  # what was verified a moment ago still is
            _hosts = (now + RETRY_S, _hosts[1])
    return _hosts[1].get(name)


def _verified() -> dict[str, Host]:
    rows = Domain.objects.exclude(verified_at=None).values_list(
        "host", "project_id", "ios_app_ids", "android_package", "android_fingerprints", "project__domain"
    )
    return {
        host: Host(host, project_id, tuple(ios), package, tuple(prints), home)
        for host, project_id, ios, package, prints, home in rows
        if host not in own_names()
    }


@lru_cache(maxsize=1)
def own_names() -> frozenset[str]:
    """Return the hosts that the installation itself answers by, which no project can claim."""
    return frozenset({str(urlsplit(settings.BASE_URL).hostname), *settings.LOCAL_HOSTS, *settings.ALLOWED_HOSTS})


def check_host(text: str) -> str:
    """Return a host as it is kept: lower case, without scheme, port and path, in its ASCII form.

    Raises InvalidField for what can't be somebody's public host, and for the installation's own names.
    """
    plain = text.strip().lower()
    plain = plain.partition("://")[2] or plain
    plain = re.split(r"[/?#]", plain)[0].rpartition("@")[2].partition(":")[0].rstrip(".")
    try:
        plain = plain.encode("idna").decode()
    except UnicodeError:
        raise InvalidField.named("host", "Give a host such as go.example.com.") from None
    labels = plain.split(".")
    if len(plain) > 253 or len(labels) < 2 or not all(LABEL.fullmatch(label) for label in labels) or _is_address(plain):
        raise InvalidField.named("host", "Give a host such as go.example.com.")
    if any(plain == name.lstrip(".") or (name[:1] == "." and plain.endswith(name)) for name in own_names()):
        raise InvalidField.named("host", "This is the installation’s own address; links stand on it already.")
    return plain


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return text.rpartition(".")[2].isdigit()
    return True


def add(project: Project, host: str) -> Domain:
    """Claim a host for a project; it serves nothing until it is verified.

    Safe to repeat: the claim that is there is returned. Raises InvalidField and HostTaken. Somebody else's claim that
    is not verified stands in nobody's way.
    """
    name = check_host(host)
    mine = Domain.objects.filter(project=project)
    if found := mine.filter(host=name).first():
        return found
    if Domain.objects.filter(host=name).exclude(verified_at=None).exists():
        raise HostTaken
    if mine.count() >= MOST_PER_PROJECT:
        raise InvalidField.named("host", f"A project can have {MOST_PER_PROJECT} hosts. Remove one first.")
    domain = mine.create(project=project, host=name, token=secrets.token_hex(16))
    _note(domain, LogEntry.Action.CREATE, {"host": ("", name)})
    return domain


def proof_name(domain: Domain) -> str:
    """Return the name of the TXT record that proves a host."""
    return PROOF_NAME + domain.host


def proof_of(domain: Domain) -> str:
    """Return what the TXT record must say."""
    return PROOF + domain.token


def resolver() -> dns.resolver.Resolver:
    """Return the system's resolver, which waits a few seconds and not longer."""
    found = dns.resolver.Resolver()
    found.lifetime = DNS_S
    found.cache = None
    return found


def check(domain: Domain, *, now: datetime) -> Domain:
    """Look for the proof in DNS and remember what was found.

    A verified host stays so, whatever DNS says later. Raises HostTaken when another project was first.
    """
    asked = resolver()
    verified, problem = domain.verified_at, ""
    if not verified:
        problem = _missing(asked, domain)
        verified = None if problem else now
    if verified:
        problem = _lost(asked, domain.host)
    try:
        with transaction.atomic():
            Domain.objects.filter(pk=domain.pk).update(verified_at=verified, checked_at=now, problem=problem)
    except IntegrityError:
        raise HostTaken from None
    if verified and not domain.verified_at:
        _note(domain, LogEntry.Action.UPDATE, {"verified_at": ("", verified.isoformat())})
    domain.verified_at, domain.checked_at, domain.problem = verified, now, problem
    forget_cached()
    return domain


def _missing(asked: dns.resolver.Resolver, domain: Domain) -> str:
    """Say what is missing of the proof, "" when it is there."""
    name, wanted = proof_name(domain), proof_of(domain)
    try:
        found = {b"".join(row.strings).decode(errors="replace").strip() for row in asked.resolve(name, "TXT")}
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return f"There is no TXT record {name} yet. A new record can take some minutes to be seen."
    except dns.exception.DNSException as wrong:
        return f"DNS did not answer for {name}: {type(wrong).__name__}. Try again in a minute."[:300]
    if wanted in found:
        return ""
    return f"The TXT record {name} says something else: {', '.join(sorted(found))}"[:300]


def _lost(asked: dns.resolver.Resolver, host: str) -> str:
    """Say when a host leads nowhere. Where it leads, nobody can tell from here: a proxy may stand between."""
    for kind in ("A", "AAAA"):
        try:
            asked.resolve(host, kind)
        except dns.exception.DNSException:
            continue
        return ""
    return f"{host} has no address in DNS yet: point it (CNAME, A or AAAA) to this installation."


def remove(domain: Domain) -> None:
    """Give a host up. Its links stand on the installation's own address again."""
    _note(domain, LogEntry.Action.DELETE, {"host": (domain.host, "")})
    domain.delete()
    forget_cached()


def _note(domain: Domain, action: int, changes: dict[str, tuple[str, str]]) -> None:
    """Put a change into the activity of the organization; the request says who made it."""
    LogEntry.objects.log_create(
        domain,
        force_log=True,
        action=action,
        changes=changes,
        additional_data={"organization": domain.project.organization_id},
    )


def set_apps(
    domain: Domain, *, ios_app_ids: Iterable[str], android_package: str, android_fingerprints: Iterable[str]
) -> Domain:
    """Say which apps open the addresses of a host. Raises InvalidField."""
    ios = list(dict.fromkeys(filter(None, map(str.strip, ios_app_ids))))
    prints = list(dict.fromkeys(filter(None, (one.strip().upper() for one in android_fingerprints))))
    package = android_package.strip()
    wrong = [
        {"field": "ios_app_ids", "message": f"“{one[:60]}” is not TEAMID.bundle.id, like ABCDE12345.com.example.app."}
        for one in ios
        if not IOS_APP.fullmatch(one)
    ]
    if package and (not PACKAGE.fullmatch(package) or len(package) > 155):
        wrong.append({"field": "android_package", "message": "Give a package such as com.example.app."})
    wrong += [
        {"field": "android_fingerprints", "message": f"“{one[:40]}” is not a SHA-256 like 14:6D:E9:… (32 pairs)."}
        for one in prints
        if not FINGERPRINT.fullmatch(one)
    ]
    if bool(package) != bool(prints) and not wrong:
        field = "android_fingerprints" if package else "android_package"
        wrong.append({"field": field, "message": "Android needs both, the package and a fingerprint of its key."})
    if wrong:
        raise InvalidField(" ".join(f"{row['field']}: {row['message']}" for row in wrong), detail=wrong)
    given: dict[str, str | list[str]] = {"ios_app_ids": ios, "android_package": package, "android_fingerprints": prints}
    changes = {name: (_written(getattr(domain, name)), _written(value)) for name, value in given.items()}
    for name, value in given.items():
        setattr(domain, name, value)
    domain.save(update_fields=list(given))
    if changed := {name: both for name, both in changes.items() if both[0] != both[1]}:
        _note(domain, LogEntry.Action.UPDATE, changed)
    forget_cached()
    return domain


def _written(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def apple_association(host: Host) -> dict[str, object] | None:
    """Return apple-app-site-association of a host, None where no app opens it. Views open no app."""
    if not host.ios_app_ids:
        return None
    ids = list(host.ios_app_ids)
    closed = [{"/": path, "exclude": True} for path in ("/i/*", "/.well-known/*", "/robots.txt")]
    return {"applinks": {"details": [{"appIDs": ids, "components": [*closed, {"/": "*"}]}]}}


def asset_links(host: Host) -> list[dict[str, object]] | None:
    """Return assetlinks.json of a host, None where no app opens it."""
    if not host.android_package:
        return None
    target = {
        "namespace": "android_app",
        "package_name": host.android_package,
        "sha256_cert_fingerprints": list(host.android_fingerprints),
    }
    return [{"relation": ["delegate_permission/common.handle_all_urls"], "target": target}]
