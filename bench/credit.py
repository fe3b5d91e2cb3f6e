"""Markov over a quarter of a million journeys against plain Python; all models and cohorts over a project's rows."""

import argparse
import csv
import gzip
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PATH_DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "channelattribution_pathdata" / "Data.csv.gz"

CHANNELS = 12


def journeys(number: int, seed: int = 7) -> tuple[list[list[int]], list[int], list[int]]:
    """Return journeys of one to eight touches, and how often each ended with and without a conversion."""
    pick = random.Random(seed)
    weights = [1 / (place + 1) for place in range(CHANNELS)]
    paths = [pick.choices(range(CHANNELS), weights, k=min(8, 1 + int(pick.expovariate(0.6)))) for _ in range(number)]
    return paths, [int(pick.random() < 0.3) for _ in paths], [int(pick.random() < 0.8) for _ in paths]


def plain(paths: Sequence[Sequence[int]], conversions: Sequence[int], nulls: Sequence[int]) -> list[float]:
    """Share by removal effect with lists and loops: one elimination for each channel taken out."""
    size = CHANNELS
    moves = [[0.0] * (size + 2) for _ in range(size + 1)]
    for path, converted, null in zip(paths, conversions, nulls, strict=True):
        here = size
        for there in path:
            moves[here][there] += converted + null
            here = there
        moves[here][size] += null
        moves[here][size + 1] += converted
    chances = [[one / (sum(row) or 1.0) for one in row] for row in moves]

    def chance(without: int | None) -> float:
        states = [at for at in range(size + 1) if at != without]
        rows = [
            [float(here == there) - (chances[here][there] if there < size else 0.0) for there in states]
            + [chances[here][size + 1]]
            for here in states
        ]
        for pivot in range(len(rows)):
            for row in range(pivot + 1, len(rows)):
                factor = rows[row][pivot] / rows[pivot][pivot]
                for column in range(pivot, len(rows) + 1):
                    rows[row][column] -= factor * rows[pivot][column]
        found = [0.0] * len(rows)
        for row in reversed(range(len(rows))):
            known = sum(rows[row][column] * found[column] for column in range(row + 1, len(rows)))
            found[row] = (rows[row][-1] - known) / rows[row][row]
        return found[-1]

    whole = chance(None)
    effects = [1 - chance(channel) / whole for channel in range(size)]
    return [sum(conversions) * effect / sum(effects) for effect in effects]


# A project whose devices met up to three ads before the install, and as many that met ads only.
FILL = (
    """
    INSERT INTO attribution_install (project_id, message_id, distinct_id, installed_at, received_at, click_id,
        referrer_click_id, install_referrer, device_id, advertising_id, app, os_name, os_version, device_model, pending)
    SELECT %(project)s, 'i' || n, 'a' || n, now() - n * (interval '28 days' / %(number)s), now(), '', '', '',
        'dev' || n, '', '', 'ios', '17', 'iphone', false FROM generate_series(1, %(number)s) n
    """,
    """
    INSERT INTO attribution_touch (project_id, touch_id, type, ts, received_at, clamped, source, medium, campaign,
        content, term, campaign_id, publisher, network_click_id, device_id, advertising_id, app, os_name, os_version,
        device_model, user_agent, locale, time_zone, screen, bot)
    SELECT %(project)s, 't' || n, CASE WHEN n %% 7 = 0 THEN 'impression' ELSE 'click' END,
        now() - (n / 3) * (interval '28 days' / %(number)s) - (n %% 3 + 1) * interval '1 hour', now(), false,
        (ARRAY['tiktok', 'meta', 'google', 'apple', 'newsletter'])[1 + abs(hashint4(n)) %% 5], '',
        'c' || abs(hashint4(-n)) %% 20, '', '', '', '', '',
        'dev' || n / 3 + CASE WHEN n %% 3 = 2 THEN 10000000 ELSE 0 END, '', '', 'ios',
        '17', 'iphone', '', '', '', '', false FROM generate_series(3, %(number)s * 3 + 2) n
    """,
    """
    INSERT INTO attribution_decision (project_id, install_id, kind, state, tier, source, campaign, installed_at,
        decided_at, rule_set_id, revision, considered)
    SELECT project_id, id, 'install', 'final', 'device_id', 'tiktok', 'c1', installed_at, now(), %(rules)s, 1, 2
    FROM attribution_install WHERE project_id = %(project)s
    """,
    "ANALYZE",
    """
    INSERT INTO attribution_candidate (decision_id, touch_id, tier, eligible, credited, reasons, age_s, fraud)
    SELECT d.id, t.id, 'device_id', true, false, '[]', extract(epoch FROM d.installed_at - t.ts), '[]'
    FROM attribution_decision d JOIN attribution_install i ON i.id = d.install_id
    JOIN attribution_touch t ON t.project_id = i.project_id AND t.device_id = i.device_id
    WHERE d.project_id = %(project)s
    """,
    """
    INSERT INTO attribution_conversion (project_id, message_id, distinct_id, name, ts, received_at, install_id, revenue,
        currency, order_id, fraud, counted)
    SELECT project_id, 'c' || id, distinct_id, 'Order Completed', installed_at + interval '1 hour', now(), id, 9.99,
        'USD', '', '[]', true FROM attribution_install WHERE project_id = %(project)s AND id %% 3 = 0
    """,
    "ANALYZE",
)


def project(installs: int) -> Any:
    """Return a project of so many decided installs, filled the first time."""
    from django.db import connection, transaction

    from attribution.models import RuleSet
    from bench.data import fresh_project
    from customers.models import Project

    pk, _ = fresh_project(f"bench-credit-{installs}")
    found = Project.objects.get(pk=pk)
    if not found.decisions.exists():
        rules, _ = RuleSet.objects.get_or_create(project=found, version=1, defaults={"rules": {}})
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in FILL:
                given = {"project": pk, "number": installs, "rules": rules.pk}
                cursor.execute(statement, given if "%(" in statement else None)
    return found


def rows(installs: int) -> None:
    """Print how long all models and the cohorts of a project take, from its rows to the numbers of the page."""
    import resource
    from datetime import timedelta

    from django.utils import timezone

    from attribution import cohorts, crediting

    mine, now = project(installs), timezone.now()
    for by in ("source", "campaign"):
        started = time.perf_counter()
        found = crediting.compare(mine, now - timedelta(days=30), now, by=by, measure="revenue")
        took_s = time.perf_counter() - started
        counted = f"{found.journeys:,} installs, {found.nulls:,} journeys to nothing, {len(found.rows)} channels"
        print(f"all models by {by:8s} {took_s:5.2f} s     {counted}")
    started = time.perf_counter()
    read = cohorts.read(mine, "week", now=now)
    print(f"cohorts by week    {time.perf_counter() - started:8.2f} s     {len(read.cohorts)} cohorts")
    print(f"memory             {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.0f} MB    at most")


def path_data() -> None:
    """Print what each model makes of the public journeys of ChannelAttribution, where they are."""
    from attribution import credit

    if not PATH_DATA.exists():
        print("PathData is not here.")
        return
    with gzip.open(PATH_DATA, "rt") as file:
        found = list(csv.DictReader(file, delimiter=";"))
    paths = credit.Paths.of(
        [row["path"].split(" > ") for row in found],
        [float(row["total_conversions"]) for row in found],
        [float(row["total_null"]) for row in found],
    )
    chain = credit.chain_of(paths)
    columns = [credit.credit(paths, model) for model in credit.MODELS.values()]
    print(f"PathData: {int(paths.total):,} conversions, P = {chain.probability:.14f}")
    print(f"{'':8s}" + "".join(f"{name:>16s}" for name in (*credit.MODELS, "removal effect")))
    for place in sorted(range(len(paths.channels)), key=lambda at: -columns[0][at]):
        amounts = "".join(f"{column[place]:16,.3f}" for column in columns)
        print(f"{paths.channels[place]!s:8s}{amounts}{chain.effects[place]:16.6f}")
    print(f"{'together':8s}" + "".join(f"{column.sum():16,.3f}" for column in columns))


def main(arguments: list[str]) -> None:
    """Print times and the ratio. `--journeys` and `--installs` are how many."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--journeys", type=int, default=240_000)
    parser.add_argument("--installs", type=int, default=200_000)
    parser.add_argument("--small", action="store_true")
    options, _ = parser.parse_known_args(arguments)

    import numpy as np

    from attribution import credit

    paths, conversions, nulls = journeys(5_000 if options.small else options.journeys)
    lengths = np.array([len(path) for path in paths])
    columns = credit.Paths(
        tuple(range(CHANNELS)),
        np.concatenate(([0], np.cumsum(lengths))),
        np.array([step for path in paths for step in path]),
        np.zeros(lengths.sum()),
        np.ones(lengths.sum(), dtype=np.bool_),
        np.zeros(CHANNELS, dtype=np.bool_),
        np.array(conversions, dtype=float),
        np.array(conversions, dtype=float),
        np.array(nulls, dtype=float),
    )
    started = time.perf_counter()
    shared = credit.markov(columns)
    exact_s = time.perf_counter() - started
    started = time.perf_counter()
    for model in credit.MODELS.values():
        credit.credit(columns, model)
    all_s = time.perf_counter() - started
    started = time.perf_counter()
    reference = plain(paths, conversions, nulls)
    plain_s = time.perf_counter() - started
    away = float(np.abs(shared - np.array(reference)).max())
    print(f"{len(paths):,} journeys, {lengths.sum():,} touches, {CHANNELS} channels")
    print(f"Markov, exact      {exact_s * 1000:8.1f} ms   (limit 2,000 ms)")
    print(f"all eight models   {all_s * 1000:8.1f} ms")
    print(f"plain Python       {plain_s * 1000:8.1f} ms   {plain_s / exact_s:.1f} times as long, differs by {away:.1e}")
    rows(1_000 if options.small else options.installs)
    path_data()
