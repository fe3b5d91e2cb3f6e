"""Replays of TalkingData's real clicks."""

import csv
import gzip
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import call_command

from attribution import replays, rule_sets
from attribution.models import Decision, Replay
from attribution.rules import PROBABILISTIC, WINDOWS_S, Rules
from customers.models import Project
from tests.factories import ProjectFactory

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "talkingdata_clicks" / "train_sample.csv.gz"


def replayed(project: Project, rules: Rules) -> Replay:
    replay = replays.start(project, rules, datetime(2017, 11, 1, tzinfo=UTC), datetime(2017, 12, 1, tzinfo=UTC))
    replays.work(replay.pk)
    return Replay.objects.get(pk=replay.pk)


@pytest.mark.skipif(not REAL.exists(), reason="The real click file is not here.")
@pytest.mark.django_db(transaction=True)
def test_the_real_clicks_replayed_by_the_same_rules_differ_in_nothing_and_by_others_as_approved(
    live_server: object, tmp_path: Path
) -> None:
    """All 227 installs, with every click of the addresses that they came from."""
    with gzip.open(REAL, "rt") as whole:
        rows = list(csv.DictReader(whole))
    wanted = {row["ip"] for row in rows if row["is_attributed"] == "1"}
    file = tmp_path / "clicks.csv"
    with file.open("w", newline="") as part:
        writer = csv.DictWriter(part, rows[0].keys())
        writer.writeheader()
        writer.writerows(row for row in rows if row["ip"] in wanted)
    project, out = ProjectFactory(slug="clicks"), io.StringIO()
    call_command("load-clicks", str(file), "--project", "clicks", "--json", "--base-url", str(live_server), stdout=out)
    loaded = json.loads(out.getvalue())
    credited = Decision.objects.filter(project=project, touch__isnull=False).count()
    assert loaded["installs"] == 227

    same = replayed(project, rule_sets.current([project.pk])[project.pk].rules)

    assert (same.state, same.total, same.summary["changed"], same.summary["gone"]) == ("done", 227, 0, 0)

    shorter = Rules(windows_s={**WINDOWS_S, PROBABILISTIC: 60})
    other = replayed(project, shorter)

    assert other.summary["tiers"] == [{"from": PROBABILISTIC, "to": "organic", "installs": other.summary["changed"]}]
    assert 0 < other.summary["changed"] < credited
    assert sum(route["installs"] for route in other.summary["routes"]) == other.summary["moved"]

    replays.approve(other, None)
    replays.work(other.pk)

    left = Decision.objects.filter(project=project, touch__isnull=False).count()
    assert left == credited - other.summary["changed"]
    assert replayed(project, shorter).summary["changed"] == 0
    # And back again: the clicks are all still there.
    back = replayed(project, Rules())
    assert back.summary["changed"] == other.summary["changed"]
