"""User agents: devices told apart, machines from people."""

import gzip
import json
import subprocess
from pathlib import Path

import pytest

from attribution.devices import is_bot, normal_os, read_agent
from tests.attribution.factories import GALAXY, IPHONE

AGENTS = Path(__file__).resolve().parents[3] / "shared" / "data" / "user_agents"


def test_a_phone_tells_system_version_and_model() -> None:
    assert read_agent(IPHONE) == ("ios", "17.2", "iphone", False)
    assert read_agent(GALAXY) == ("android", "14", "sm-s918b", False)
    assert read_agent("") == ("", "", "", False)


def test_what_browsers_made_up_is_left_out() -> None:
    reduced = GALAXY.replace("Android 14; SM-S918B", "Android 10; K")
    frozen = IPHONE.replace("iPhone OS 17_2", "iPhone OS 18_6").replace("Version/17.2", "Version/26.1")

    assert read_agent(reduced) == ("android", "", "", False)
    assert read_agent(frozen) == ("ios", "", "iphone", False)


@pytest.mark.parametrize(("name", "normal"), [("iPhone OS", "ios"), ("iPadOS", "ios"), (" Android ", "android")])
def test_a_system_has_one_name(name: str, normal: str) -> None:
    assert normal_os(name) == normal


def test_a_phone_called_cubot_is_a_phone() -> None:
    assert not is_bot(
        "Mozilla/5.0 (Linux; Android 11; CUBOT KINGKONG 5) AppleWebKit/537.36 Chrome/96.0 Mobile Safari/537.36"
    )


@pytest.mark.skipif(not AGENTS.exists(), reason="the collected user agents are not here")
def test_most_machines_are_recognised_and_hardly_a_person_is_taken_for_one(capsys: pytest.CaptureFixture[str]) -> None:
    listed = json.loads(gzip.decompress((AGENTS / "crawler-user-agents.json.gz").read_bytes()))
    crawlers = [agent for entry in listed for agent in entry["instances"]]
    unpacked = subprocess.run(
        ["zstd", "-dc", AGENTS / "uap_core_pgts_browser_list.txt.zst"], capture_output=True, check=True
    ).stdout.decode(errors="replace")
    # The list has some tools of machines in it; a browser says Mozilla.
    browsers = [agent for line in unpacked.splitlines() if (agent := line.split("\t")[-1]).startswith("Mozilla/")]

    caught = sum(map(is_bot, crawlers)) / len(crawlers)
    mistaken = sum(map(is_bot, browsers)) / len(browsers)

    with capsys.disabled():
        print(f"\nbot filter: {caught:.1%} of {len(crawlers):,} crawlers, {mistaken:.2%} of {len(browsers):,} browsers")
    assert caught > 0.95
    assert mistaken < 0.02
