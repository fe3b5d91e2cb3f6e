"""The report of differences as a file: a line for each day and campaign."""

from collections.abc import Iterator, Sequence
from typing import Any

from attribution.shadow.comparing import REASONS
from attribution.shadow.report import Report

HEAD = (
    "day", "source", "campaign", "theirs", "ours", "ours_by_their_days", "difference", "unexplained", *REASONS,
    "revenue_theirs", "revenue_ours", "revenue_unmapped",
)  # fmt: skip


def lines_of(report: Report) -> Iterator[Sequence[Any]]:
    """Yield the lines below HEAD, in the order of days and campaigns; reasons as the installs they would explain."""
    for (day, source, campaign), row in sorted(report.comparison.cells.items()):
        explained = {one.code: one.explains for one in row.reasons}
        yield (
            f"{day}", source, campaign, row.theirs.installs, row.ours.installs, row.recounted, row.difference,
            row.unexplained, *(explained.get(code, 0) for code in REASONS),
            "" if row.theirs.revenue is None else row.theirs.revenue,
            "" if row.ours.revenue is None else row.ours.revenue, row.unmapped,
        )  # fmt: skip
