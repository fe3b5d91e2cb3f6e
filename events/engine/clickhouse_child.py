"""The process that holds ClickHouse's engine: `python -m events.engine.clickhouse_child`. See clickhouse.py.

Reads a line of JSON for each question: `statements` to run before it, and `sql`, whose answer goes into `file` as
Arrow. Writes a line for each: {"fault": ""} or what went wrong.
"""

import json
import os
import sys
from typing import Any

from chdb import session


def main() -> None:
    """Answer until the input ends, which it does with the process that started this one."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the engine prints must not be taken for an answer
    untyped: Any = session  # mypy sees it only where the engine is installed
    engine = untyped.Session()
    for line in sys.stdin:
        question, fault = json.loads(line), ""
        try:
            for statement in question["statements"]:
                engine.query(statement)
            if "sql" in question:
                with open(question["file"], "wb") as file:  # noqa: PTH123
                    file.write(engine.query(question["sql"], "Arrow").bytes())
        except Exception as wrong:  # noqa: BLE001 -- whatever it is, the asker has to know
            fault = str(wrong) or repr(wrong)
        answers.write(json.dumps({"fault": fault}) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
