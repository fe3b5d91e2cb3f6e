"""The table of dialects × cases that a run prints at its end: of `@pytest.mark.dialect(name, kind)`."""

from collections import Counter
from typing import Any

import pytest

DIALECT = "dialect"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "dialect(name, kind): counted in the table of dialects × cases")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if (mark := item.get_closest_marker(DIALECT)) and DIALECT not in dict(item.user_properties):
            item.user_properties.append((DIALECT, tuple(mark.args)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print how many cases of each kind each dialect passed, of how many."""
    passed, tried = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for outcome, reports in terminalreporter.stats.items():
        for report in reports:
            said = dict(getattr(report, "user_properties", ())).get(DIALECT)
            if said and getattr(report, "when", "") == "call" and outcome in {"passed", "failed"}:
                tried[tuple(said)] += 1
                passed[tuple(said)] += outcome == "passed"
    if not tried:
        return
    names, kinds = sorted({name for name, _ in tried}), sorted({kind for _, kind in tried})
    write = terminalreporter.write_line
    terminalreporter.section("vendors' formats: cases passed / tried")
    write(f"{'':12s}" + "".join(f"{kind:>14s}" for kind in kinds) + f"{'all':>10s}")
    for name in names:
        cells = [f"{passed[name, kind]}/{tried[name, kind]}" if tried[name, kind] else "-" for kind in kinds]
        done, all_of = (sum(n for (one, _), n in count.items() if one == name) for count in (passed, tried))
        write(f"{name:12s}" + "".join(f"{cell:>14s}" for cell in cells) + f"{f'{done}/{all_of}':>10s}")
