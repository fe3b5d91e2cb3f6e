"""Click files with TalkingData's columns, read into touches and installs of the public API. Plain Python."""

import csv
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

COLUMNS = ("ip", "app", "device", "os", "channel", "click_time")


class WrongFile(Exception):  # noqa: N818 -- a refusal, as everywhere in the product
    """The file is no click file; the sentence says where and why."""


@dataclass(frozen=True, slots=True)
class Click:
    """One row: a click, and the install that followed it, if any did."""

    row: int
    touch: dict[str, Any]
    install: dict[str, Any] | None


def fingerprint(path: Path) -> str:
    """Return a name for the file's content, the same whether it is packed or not."""
    digest = hashlib.sha256()
    try:
        with _open(path) as file:
            while part := file.read(1 << 20):
                digest.update(part)
    except (OSError, EOFError, zlib.error) as wrong:
        raise WrongFile(f"{path.name} can't be unpacked: {wrong}.") from None
    return digest.hexdigest()[:16]


def read(path: Path, name: str) -> Iterator[Click]:
    """Read a click file, .csv or .csv.gz, row by row; `name` begins the ids, so that a repeat is harmless.

    Raises WrongFile with the line for what can't be read.
    """
    with _open(path) as binary:
        lines = (line.decode("utf-8-sig" if number == 0 else "utf-8") for number, line in enumerate(binary))
        rows = csv.DictReader(lines)
        try:
            missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
            if missing:
                raise WrongFile(f"{path.name} lacks the columns {', '.join(missing)}.")
            for number, row in enumerate(rows, start=1):
                yield _click(number, row, name)
        except (ValueError, TypeError, csv.Error, UnicodeDecodeError) as wrong:
            raise WrongFile(f"{path.name}, line {rows.line_num}: {wrong}.") from None
        except (OSError, EOFError, zlib.error) as wrong:
            raise WrongFile(f"{path.name} can't be unpacked: {wrong}.") from None


def _open(path: Path) -> gzip.GzipFile | IO[bytes]:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        return gzip.open(path) if packed else path.open("rb")
    except OSError as wrong:
        raise WrongFile(f"{path} can't be opened: {wrong.strerror}.") from None


def _click(number: int, row: dict[str, str], name: str) -> Click:
    """Return what a row says. Its codes stay codes: the file's makers have replaced the real names by numbers."""
    context = {
        "ip": address(int(row["ip"])),
        "os": {"name": f"os {int(row['os'])}"},
        "device": {"model": f"device {int(row['device'])}"},
        "app": {"namespace": f"app.{int(row['app'])}"},
    }
    touch = {
        "type": "click",
        "touchId": f"{name}-{number}",
        "timestamp": _moment(row["click_time"]),
        "campaign": {"source": f"channel {int(row['channel'])}", "name": f"app {int(row['app'])}"},
        "context": context,
    }
    if row.get("is_attributed") != "1":
        return Click(number, touch, None)
    install = {
        "type": "track",
        "event": "Application Installed",
        "messageId": f"{name}-{number}-install",
        "anonymousId": f"{name}-{number}",
        "timestamp": _moment(row["attributed_time"]),
        # Nothing of the click but what a phone would show as well: the match has to be found.
        "context": context,
    }
    return Click(number, touch, install)


def address(number: int) -> str:
    """Return the private address that stands for an encoded one."""
    if not 0 <= number < 1 << 24:
        raise ValueError(f"ip {number} is not a number below {1 << 24}")
    return f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"


def _moment(text: str) -> str:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).isoformat()
