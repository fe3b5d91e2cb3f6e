"""How the product logs: one line an event, key=value for people or JSON for machines."""

import logging
import sys
from typing import Any

import structlog


def logging_config(log_format: str) -> dict[str, Any]:
    """Set up the standard library's root logger and return structlog's configuration for `text` or `json`."""
    line = "%(asctime)s %(levelname)s %(name)s %(message)s"
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format=line)
    last = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    return {
        "processors": [
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            last,
        ],
        "wrapper_class": structlog.make_filtering_bound_logger(logging.INFO),
        "logger_factory": structlog.PrintLoggerFactory(sys.stderr),
        "cache_logger_on_first_use": True,
    }
