"""Events that ingest has to refuse, as they come from a release that went out too early. No Django, no clock."""

from random import Random
from typing import Any

Call = dict[str, Any]


def broken(rng: Random, number: int) -> Call:
    """Return a call that is wrong in one of eight ways, in turn."""
    good: Call = {
        "type": "track",
        "event": "Note Exported",
        "anonymousId": f"{rng.getrandbits(64):016x}",
        "messageId": f"broken-{number}",
        "properties": {"format": "pdf", "pages": rng.randrange(1, 30)},
        "context": {"app": {"name": "Nimbus Notes", "version": "3.9.0-beta2"}},
    }
    ways: tuple[Call, ...] = (
        {"anonymousId": ""},
        {"properties": ["pdf", 12]},
        {"timestamp": "19.11.2026 8 Uhr"},
        {"event": ""},
        {"properties": {"format": "pdf", "preview": "iVBORw0KGgo" * 3_200}},
        {"type": "export"},
        {"properties": {"format": "pdf\x00", "pages": 3}},
        {"messageId": f"broken-{number}-" + "0" * 120},
    )
    return good | ways[number % len(ways)]
