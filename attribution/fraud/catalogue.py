"""Every fraud rule: what it tests, its threshold and action where a project has set none, and where that comes from.

Plain values: no Django, clock or network.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

Action = Literal["off", "flag", "block"]
Level = Literal["touch", "install", "source", "conversion"]
OFF: Final = "off"
FLAG: Final = "flag"
BLOCK: Final = "block"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. `unit` is "" where there is nothing to set: it strikes or it doesn't.

    `below` says that values under the threshold strike, not those above. `fixed` rules always do what they do.
    `measures` goes on after the value of a rule about sources: "12% …".
    """

    code: str
    name: str
    level: Level
    sentence: str
    action: Action
    threshold: float = 0.0
    unit: str = ""
    below: bool = False
    fixed: bool = False
    why: str = ""
    measures: str = ""


RULES = (
    Rule(
        "ctit_injection",
        "Click injection",
        "touch",
        "The click came after the download of the app had begun, so it can't have caused it.",
        BLOCK,
        why="Google Play tells when the download began, and nothing that comes later can be its cause.",
    ),
    Rule(
        "ctit_short",
        "Impossibly short click-to-install time",
        "touch",
        "The app was opened sooner after the click than a store page, a download and a first start can take.",
        BLOCK,
        2,
        "seconds",
        below=True,
        why="Field reports block below 2 s. Of 227 real installs that we tested on, none took less.",
    ),
    Rule(
        "ctit_quick",
        "Very short click-to-install time",
        "touch",
        "The app was opened within seconds of the click: possible with a small app on a fast network, but rare.",
        FLAG,
        10,
        "seconds",
        below=True,
        why="3 to 10 s is where hijacked installs pile up; of 227 real installs, 5 took less than 10 s too.",
    ),
    Rule(
        "address_flood",
        "Flood of clicks from one address",
        "touch",
        "So many clicks came from the same address in the hour before that hardly one person can have made them.",
        FLAG,
        500,
        "clicks an hour",
        why="A published threshold is 500 clicks in 60 minutes. Phones of a carrier share addresses, so it only flags.",
    ),
    Rule(
        "click_datacenter",
        "Click from a data centre",
        "touch",
        "The click came from an address of a data centre, a VPN or Tor, where people seldom are.",
        FLAG,
        why="A click alone proves little: private relays of browsers leave from data centres too.",
    ),
    Rule(
        "geo_mismatch",
        "Click and install in different countries",
        "touch",
        "The click came from another country than the install.",
        FLAG,
        why="Travellers, VPNs and carriers do this honestly as well.",
    ),
    Rule(
        "ua_bot",
        "Click by a machine",
        "touch",
        "The browser names itself as a crawler, a link preview or a program.",
        BLOCK,
        fixed=True,
        why="Machines are answered, but neither counted nor credited.",
    ),
    Rule(
        "click_signature",
        "Click without a valid signature",
        "touch",
        "The source has a signing key, and this click was not signed with it, or long before.",
        FLAG,
        why="Set it to block once the source signs all its clicks. When most fail at once it only flags by itself.",
    ),
    Rule(
        "emulator",
        "Install on an emulator",
        "install",
        "The app says that it runs on an emulator, not on a phone.",
        BLOCK,
        why="Only the app itself can say so. Players of games on a PC use emulators: flag, if you have such.",
    ),
    Rule(
        "ip_datacenter",
        "Install from a data centre",
        "install",
        "The app was first opened from an address of a data centre, a VPN or Tor.",
        FLAG,
        why="Rare among people, but those with a VPN do it: it only flags unless you set it to block.",
    ),
    Rule(
        "device_farm",
        "Many installs from one network",
        "install",
        "More installs than usual came within an hour from the same small network (256 addresses).",
        FLAG,
        10,
        "installs an hour",
        why="A published threshold is 10. Carriers and offices put many people behind few addresses, so it only flags.",
    ),
    Rule(
        "dup_device",
        "One device at many addresses",
        "install",
        "The same device id was seen at more addresses within 24 hours than one phone has.",
        FLAG,
        5,
        "addresses a day",
        why="A published threshold is 5; a phone that moves between cells and Wi-Fi can have some.",
    ),
    Rule(
        "sdk_signature",
        "Install without a valid signature",
        "install",
        "The project has a signing key for its app, and this install was not signed with it.",
        FLAG,
        why="Set it to block once all versions of the app in use sign. A key inside an app can be extracted.",
    ),
    Rule(
        "ctit_flat",
        "Flat click-to-install times",
        "source",
        "The installs of a source come evenly spread over the hours after its clicks, not soon after them, as if the "
        "clicks had nothing to do with them. Measured: the share within the first hour.",
        FLAG,
        0.4,
        "share",
        below=True,
        why="75 % of installs come within an hour of an honest click. Needs 50 installs, and a distribution that "
        "differs from the project's own with p < 0.001.",
        measures="of its installs came within an hour of the click",
    ),
    Rule(
        "injector",
        "Clicks after the download, again and again",
        "source",
        "Most of the installs that the source claims had begun to download before its click: it watches downloads and "
        "clicks then. Its clicks count nowhere, also where the store does not say when the download began.",
        BLOCK,
        0.5,
        "share",
        why="Of installs whose download time is known, from 50 on and with p < 0.001. Honest sources on crowded "
        "addresses come to 5 %, by other people's clicks.",
        measures="of the installs it claims had begun before the click",
    ),
    Rule(
        "click_flood",
        "Clicks that hardly ever lead to installs",
        "source",
        "The source sends clicks in masses, and almost none leads to an install: it may claim people by chance.",
        FLAG,
        0.001,
        "share",
        below=True,
        why="Below 0.1 % at more than 10,000 clicks. Banners that people touch by accident can be as low.",
        measures="of its clicks led to an install",
    ),
    Rule(
        "cvr_high",
        "Clicks that lead to installs too often",
        "source",
        "More of the clicks lead to installs than people do: clicks may have been made up for known installs.",
        FLAG,
        0.3,
        "share",
        why="Published: 5 % is low and 15 % high for bought clicks. Newsletters and people's own invitations reach "
        "more.",
        measures="of its clicks led to an install",
    ),
    Rule(
        "hyper_engagement",
        "The same devices click again and again",
        "source",
        "So much of the clicks is from devices that clicked the same campaign more than 20 times in a day.",
        FLAG,
        0.5,
        "share",
        why="Devices are told apart by advertising or device id only, as many share an address.",
        measures="of its clicks came from devices that clicked one campaign more than 20 times in a day",
    ),
    Rule(
        "new_devices",
        "Hardly any device seen before",
        "source",
        "The installs come from devices without any earlier trace, much more than those of other sources: a farm "
        "resets its phones.",
        FLAG,
        4,
        "times rarer",
        why="Four times fewer than with the other sources together, at 50 installs and p < 0.001: sources that reach "
        "people who know you, such as a newsletter, make all others look newer.",
        measures="than with all others are devices that had left an earlier trace",
    ),
    Rule(
        "dup_event",
        "The same order twice",
        "conversion",
        "An event with the same order id has been counted already.",
        BLOCK,
        why="Apps and servers send again when unsure; an order is counted once.",
    ),
    Rule(
        "store_receipt",
        "Purchase without a valid receipt",
        "conversion",
        "The project has its Google Play licence key, and the purchase's receipt was not signed by Google.",
        FLAG,
        why="Only purchases with a receipt are tested.",
    ),
)
BY_CODE = MappingProxyType({rule.code: rule for rule in RULES})
CODES = frozenset(BY_CODE)
# Flag of a source whose signed clicks fail in masses: while it stands, click_signature only flags.
SIGNATURE_BREAKER = "signature_breaker"
