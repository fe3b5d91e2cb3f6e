"""Where a touch stands in its lane: the time before an install, stretched near it. Plain sums, all in per cent."""

from collections.abc import Sequence
from dataclasses import dataclass

# A touch of 9 s and one of 8 days have to be told apart in one picture: the age to this power.
POWER = 0.22
INSTALL_X = 94.0
LEFT_X = 6.0
AFTER_X = 97.2
USUAL_STRETCH = 4.134
TICKS = ((30 * 86_400, "30 days"), (7 * 86_400, "7 days"), (86_400, "1 day"), (3_600, "1 hour"), (60, "1 min"))


@dataclass(frozen=True)
class Tick:
    x: str
    label: str


@dataclass(frozen=True)
class Lane:
    """One row: the window as a box, the touch as a mark in it, and the moment the download began."""

    x: str
    box_x: str
    box_width: str
    label: str = ""
    label_x: str = ""
    event_x: str = ""
    event_label_x: str = ""


@dataclass(frozen=True)
class Scale:
    """The one scale that all lanes of a page share."""

    stretch: float

    @classmethod
    def reaching(cls, ages_s: Sequence[float]) -> "Scale":
        """Return the scale on which the oldest of `ages_s` is still in the picture."""
        oldest = max([*ages_s, 1.0])
        return cls(min(USUAL_STRETCH, (INSTALL_X - LEFT_X) / oldest**POWER))

    def x(self, age_s: float) -> float:
        """Return the place of a touch `age_s` before the install; after it, right of the install's line."""
        return AFTER_X if age_s < 0 else max(LEFT_X / 2, INSTALL_X - self.stretch * age_s**POWER)

    def ticks(self) -> list[Tick]:
        """Return the marks of the axis, those that are in the picture."""
        return [
            Tick(_percent(self.x(age_s)), label)
            for age_s, label in TICKS
            if self.stretch * age_s**POWER < INSTALL_X - LEFT_X
        ]


def lane(scale: Scale, *, age_s: float, window_s: float, label: str = "", begun_s: float | None = None) -> Lane:
    """Place one touch; `begun_s` is how long before the install the download began, where that is to be shown."""
    left = scale.x(window_s)
    places: dict[str, str] = {}
    if label:
        places.update(label=label, label_x=_percent(left + 1.2))
    if begun_s is not None:
        places.update(event_x=_percent(scale.x(begun_s)), event_label_x=_percent(scale.x(begun_s) - 1.4))
    return Lane(_percent(scale.x(age_s)), _percent(left), _percent(INSTALL_X - left), **places)


def _percent(value: float) -> str:
    return f"{value:.1f}%"
