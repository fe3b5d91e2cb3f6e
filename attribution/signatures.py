"""Whether clicks and installs were signed with a key of the project."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def of_click(project_id: int, source: str, query: Mapping[str, str], path: str, now: datetime) -> str:
    """Return "valid", "invalid" or "expired"; "" where the source has no key."""
    return ""


def of_install(
    project_id: int, properties: Mapping[str, Any], context: Mapping[str, Any], message_id: str, ts: datetime
) -> str:
    """Return "valid", "invalid" or "expired"; "" where the project has no key."""
    return ""
