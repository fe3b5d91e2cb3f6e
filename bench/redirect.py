"""A tap on a link: its click is committed, then the answer leads on. At 500 taps a second."""

import argparse

from bench import load, stack
from bench.ingest import line

PHONE = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36"
)
RATE = 500


def main(arguments: list[str]) -> None:
    """Print the table. `--seconds` is how long the taps go on."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--small", action="store_true")
    options, _ = parser.parse_known_args(arguments)

    from attribution.models import Link, Touch
    from bench.data import fresh_project

    project, _ = fresh_project("bench-redirect")
    Link.objects.get_or_create(
        slug="bench-tap",
        defaults={"project_id": project, "name": "Bench", "source": "tiktok", "fallback_url": "https://example.com/"},
    )
    tap = load.request("GET", "/c/bench-tap", {"User-Agent": PHONE})
    taps = RATE * (1 if options.small else options.seconds)
    with stack.web() as (port, _):
        load.run(port, [tap] * 200, 4)
        before = Touch.objects.filter(project=project).count()
        line(f"taps at {RATE} a second, 8 connections", load.run(port, [tap] * taps, 8, rate=RATE), taps)
        line("taps as fast as they go, 8 connections", load.run(port, [tap] * taps, 8), taps)
    kept = Touch.objects.filter(project=project).count() - before
    assert kept == 2 * taps, f"{kept} clicks kept of {2 * taps}"
