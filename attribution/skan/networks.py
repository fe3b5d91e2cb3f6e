"""Ad networks by their SKAdNetwork ids: what they are called, and the sources of ours that are the same network.

The networks publish their ids for Info.plist; one that is not here is shown by its id.
"""

from typing import NamedTuple


class Network(NamedTuple):
    """An ad network: its name, the source that stands for it, and what else that source is called."""

    name: str
    source: str
    others: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """What it is counted under: several ids may be one network."""
        return self.source or self.name


META = Network("Meta", "meta", ("facebook", "instagram", "audiencenetwork"))
TIKTOK = Network("TikTok / Pangle", "tiktok", ("pangle", "bytedance"))
LIFTOFF = Network("Liftoff / Vungle", "liftoff", ("vungle",))
KNOWN = {
    "v9wttpbfk9": META,
    "n38lu8286q": META,
    "cstr6suwn9": Network("Google Ads", "google", ("googleads", "admob")),
    "22mmun2rn5": TIKTOK,
    "238da6jt44": TIKTOK,
    "4dzt52r2t5": Network("Unity Ads", "unity", ("unityads",)),
    "ludvb6z3bs": Network("AppLovin", "applovin"),
    "su67r6k2v3": Network("ironSource", "ironsource"),
    "kbd757ywx3": Network("Mintegral", "mintegral"),
    "7ug5zh24hu": LIFTOFF,
    "gta9lk7p23": LIFTOFF,
    "f38h382jlk": Network("Chartboost", "chartboost"),
    "wzmmz9fp6z": Network("InMobi", "inmobi"),
    "ppxm28t8ap": Network("Smadex", "smadex"),
}


def network_of(network_id: str) -> Network:
    """Return a network by its id of SKAdNetwork or AdAttributionKit; an unknown one goes by that id."""
    return KNOWN.get(network_id.partition(".")[0].lower()) or Network(network_id, "")


def ids_of(key: str) -> list[str]:
    """Return the ids of a network that we know, without what follows their point; nothing for any other."""
    return [network_id for network_id, network in KNOWN.items() if network.source == key]


def name_of(key: str) -> str:
    """Return how pages call what `Network.key` names."""
    return next((network.name for network in KNOWN.values() if network.source == key), key or "Not said")


def source_of(text: str) -> str:
    """Return under which of a network's names a source of ours stands, so that the two can be put side by side."""
    key = "".join(letter for letter in text.lower() if letter.isalnum())
    for network in KNOWN.values():
        if key == network.source or key in network.others:
            return network.source
    return key
