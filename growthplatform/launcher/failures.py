"""What ends a start: one sentence, no traceback."""

from pathlib import Path


class CannotStart(SystemExit):
    """Raised with the sentence that the operator reads; ends the program with status 1."""


def last_lines(log: Path, count: int = 12) -> str:
    """Quote the end of `log`, to stand under a sentence about what failed."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"(no log at {log})"
    return "\n".join([*(f"  {line}" for line in lines[-count:]), f"The whole log: {log}"])
