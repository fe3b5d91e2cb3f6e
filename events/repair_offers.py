"""Rules for faults that many have, offered ready-made beside what waits. Plain Python."""

from dataclasses import dataclass

from events import repairing

FIELDS = ("name", "code", "path", "field", "action", "value", "old")


@dataclass(frozen=True)
class Ready:
    """A rule for a fault that many have; `why` says what it does and what it does not."""

    code: str
    name: str
    path: str
    field: str
    action: str
    value: str
    why: str
    old: str = ""

    @property
    def given(self) -> dict[str, str]:
        """Return the fields of the rule as a form has them."""
        return {name: getattr(self, name) for name in FIELDS}


READY = (
    Ready(
        "id_prefix_missing",
        "Add “id” before the app id",
        "/inappevent/",
        "path",
        repairing.PREFIX,
        "id",
        "AppsFlyer’s iOS ids begin with “id”. AppsFlyer answers the bare number with OK and drops the event.",
    ),
    Ready(
        "missing_id",
        "Rename user_id to userId",
        "",
        "user_id",
        repairing.RENAME,
        "userId",
        "Segment’s format writes userId. Senders that were written by hand often have user_id.",
    ),
    Ready(
        "invalid_timestamp",
        "Take the time of arrival",
        "",
        "timestamp",
        repairing.REMOVE,
        "",
        "Without its timestamp an event counts at the moment it came in; the time that was written is lost.",
    ),
    Ready(
        "not_an_object",
        "Take an empty list of properties as none",
        "",
        "properties",
        repairing.SET,
        "{}",
        "Some languages write an empty object as a list. What stood in a list that was not empty is lost.",
    ),
)


def for_code(code: str) -> list[Ready]:
    """Return the ready-made rules for a code."""
    return [one for one in READY if one.code == code]
