"""A fraud rule as a project has it, as the pages show it."""

from dataclasses import dataclass

from attribution.fraud import rules as fraud
from attribution.fraud.catalogue import BLOCK, FLAG, OFF, Level, Rule
from attribution.fraud.evidence import Tally, written
from customers.models import Project
from growthplatform.core.periods import Period

LEVELS: dict[Level, str] = {
    "touch": "A click by itself",
    "install": "An install by itself",
    "source": "A source or publisher as a whole",
    "conversion": "Revenue",
}
KINDS = {OFF: "", FLAG: "warn", BLOCK: "bad"}
WORDS = {OFF: "Off", FLAG: "Flags", BLOCK: "Blocks"}


@dataclass(frozen=True)
class Line:
    """A rule as the project has it, and what it has struck."""

    rule: Rule
    action: str
    threshold: float
    tally: Tally

    @property
    def words(self) -> str:
        return WORDS[self.action]

    @property
    def kind(self) -> str:
        return KINDS[self.action]

    @property
    def limit(self) -> str:
        if not self.rule.unit:
            return ""
        return f"{'below' if self.rule.below else 'above'} {written(self.threshold, self.rule.unit)}"

    @property
    def changed(self) -> bool:
        """Say whether the project has set it otherwise than the catalogue."""
        return (self.action, self.threshold) != (self.rule.action, self.rule.threshold)


def line_of(rule: Rule, said: dict[str, fraud.Setting], tallies: dict[str, Tally]) -> Line:
    """Return a rule with its settings and what it has struck."""
    return Line(rule, *said[rule.code], tallies.get(rule.code, Tally()))


def sources_of(project: Project, period: Period) -> list[str]:
    """Return the sources that brought installs since the period began, or were ever flagged."""
    rows = project.decisions.filter(installed_at__gte=period.start).exclude(source="organic")
    flagged = project.fraud_flags.values_list("source", flat=True)
    return sorted({*rows.values_list("source", flat=True).distinct(), *flagged})
