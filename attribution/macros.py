"""Macros in the addresses of a link, such as {campaign}, filled at each tap. Plain values: no Django or network."""

import re
from collections.abc import Mapping
from urllib.parse import quote

# Name, and what stands there after a tap.
MACROS = {
    "campaign": "the campaign",
    "campaign_id": "the network’s id of the campaign",
    "source": "who showed the ad",
    "medium": "utm_medium",
    "content": "utm_content",
    "term": "utm_term",
    "adset": "the ad set",
    "ad": "the ad",
    "creative": "the creative",
    "publisher": "the site or app that showed it",
    "click_id": "our id of the tap",
    "network_click_id": "the network’s own id of the tap",
    **{f"sub{number}": f"sub-id {number} of the tapped address" for number in range(1, 6)},
    "country": "two letters, like DE, where the address of the tap tells",
    "os": "ios, android, windows …",
}
# Two words that people write for the same thing.
ALSO = {"ad_set": "adset", "adgroup": "adset", **{f"af_sub{number}": f"sub{number}" for number in range(1, 6)}}
NAMED = re.compile(r"\{([A-Za-z0-9_]{1,40})\}")
BRACED = re.compile(r"\{([^{}]*)\}")


def fill(template: str, values: Mapping[str, str]) -> str:
    """Return an address with its macros filled, each value escaped; one without a value leaves nothing.

    What is no macro of ours stays as it is: it may be meant for somebody further down the way.
    """
    if "{" not in template:
        return template

    def filled(found: re.Match[str]) -> str:
        name = found[1].lower()
        name = ALSO.get(name, name)
        return quote(values.get(name, ""), safe="") if name in MACROS else found[0]

    return NAMED.sub(filled, template)


def problems(template: str) -> list[str]:
    """Return a sentence for each macro that will be left as it is."""
    told = []
    for name in dict.fromkeys(BRACED.findall(template)):
        plain = name.lower()
        if ALSO.get(plain, plain) not in MACROS:
            told.append(f"“{{{name}}}” is no macro of ours, so it stays as it is.")
    rest = BRACED.sub("", template)
    if "{" in rest or "}" in rest:
        told.append("A brace stands alone, so that macro stays as it is. Write {campaign}.")
    return told
