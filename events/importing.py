"""Record the rows of a CSV file as events, through the door that every event takes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from customers.models import Project
from customers.services import caller_of
from events import csv_files, services
from events.csv_files import Line, Source
from events.payloads import BATCH_EVENTS


@dataclass
class Imported:
    """What became of the rows: taken now, taken before, without an id of a person, and refused."""

    rows: int = 0
    stored: int = 0
    repeated: int = 0
    without_person: int = 0
    refused: list[Line] = field(default_factory=list)


def load(
    project: Project, source: Source, *, seen: Callable[[int, int], None] = lambda done, all_rows: None
) -> Imported:
    """Record every row of a CSV file; `seen` hears how many rows of all are done.

    Safe to repeat and to take up again as long as message ids are kept: each row has one of its own. Raises WrongFile
    before anything is recorded where the file itself is wrong.
    """
    found = csv_files.survey(source)
    caller, imported = caller_of(project), Imported()
    lines = csv_files.read(source, found)
    for batch in _batches(lines):
        _sort_out(batch, imported)
        calls = [(line.number, line.call) for line in batch if line.call]
        receipt = services.record(
            project.pk, [call for _, call in calls], caller=caller, path=f"load-events {source.path.name}"[:100]
        )
        imported.stored += receipt.stored
        imported.repeated += receipt.repeated
        imported.refused += [
            Line(calls[refusal.place][0], None, refusal.code, refusal.message) for refusal in receipt.refused
        ]
        imported.rows += len(batch)
        seen(imported.rows, found.rows)
    return imported


def _sort_out(batch: list[Line], imported: Imported) -> None:
    for line in batch:
        if line.reason == "no_person":
            imported.without_person += 1
        elif line.call is None:
            imported.refused.append(line)


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    while batch := list(islice(lines, BATCH_EVENTS)):
        yield batch
