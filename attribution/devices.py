"""What a user agent says of the device, and whether a machine sent it."""

import re
from functools import lru_cache
from typing import NamedTuple

from ua_parser import parse

# What only machines put into their agent: link previews, crawlers, monitors, tools of testers, libraries of programs.
MACHINES = re.compile(
    r"bot(?![a-z])|bots\b|crawl|spider|scrap(?:er|y)|fetch(?:er)?\b|slurp|preview|monitor|scan(?:ner|ning)?\b|checker|"
    r"archiver|validator|headless|playwright|selenium|puppeteer|phantomjs|httrack|zgrab|nikto|https?://|"
    r"^mozilla/5\.0 \(compatible;(?! ?(?:msie|konqueror))|python|^java/|curl|wget|libwww|\bperl|^ruby|php/|"
    r"node-|axios|okhttp|go-http|http_?client|facebookexternalhit|facebookcatalog|meta-external|whatsapp/|slack-img|skypeuri|vkshare|embedly|"
    r"iframely|googleother|apis-google|mediapartners|google-(?:adwords|inspection|read|safety|site|extended|ads|xrawler)|"
    r"lighthouse|pagespeed|pingdom|uptime|datadog|newrelic|site24x7|gtmetrix|ghost inspector|outbrain|siteimprove|"
    r"brandverity|appinsights|ips-agent|netcraft",
    re.IGNORECASE,
)
# A phone whose name ends in "bot" is no machine.
PHONES = re.compile(r"\bcubot\b", re.IGNORECASE)
OS_NAMES = {
    "iphone os": "ios",
    "ipados": "ios",
    "ipad os": "ios",
    "mac os x": "macos",
    "mac os": "macos",
    "os x": "macos",
}
SAFARI_26 = re.compile(r"Version/(?:2[6-9]|[3-9]\d)\.")
MAX_CHARS = 1_000


class Device(NamedTuple):
    """What an agent tells; "" where it does not. Names are in lower case."""

    os_name: str
    os_version: str
    model: str
    bot: bool


@lru_cache(maxsize=20_000)
def read_agent(agent: str) -> Device:
    """Read a user agent. What browsers have frozen or made up is left out, as it would tell equal devices apart."""
    if not agent:
        return Device("", "", "", bot=False)
    found = parse(agent)
    family = found.device.family if found.device else ""
    machine = MACHINES.search(agent) is not None and not PHONES.search(agent)
    # Every browser says Mozilla, and an app's own library at least the system it runs on.
    nameless = not agent.startswith(("Mozilla/", "Opera")) and found.os is None and found.device is None
    bot = family == "Spider" or machine or nameless
    os_name = normal_os(found.os.family) if found.os else ""
    version = ".".join(filter(None, [found.os.major, found.os.minor])) if found.os else ""
    model = normal_model((found.device.model or "") if found.device else "")
    if os_name == "android" and model == "k":  # Chrome's reduced agent: always "Android 10; K"
        version = model = ""
    if os_name == "ios" and SAFARI_26.search(agent):  # from 26 on Safari says 18.6 for ever
        version = ""
    if model in {"smartphone", "tablet", "desktop", "mac", "other"}:
        model = ""
    return Device(os_name, version, model, bot)


def is_bot(agent: str) -> bool:
    """Say whether a machine sent this agent: a crawler, a monitor, a link preview, a program's library."""
    return read_agent(agent[:MAX_CHARS]).bot


def normal_os(name: str) -> str:
    """Return an operating system's name as touches and installs keep it."""
    plain = " ".join(name.lower().split())
    return OS_NAMES.get(plain, plain)


def normal_model(name: str) -> str:
    return " ".join(name.lower().split())
