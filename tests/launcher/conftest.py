"""Servers of their own for these tests, in folders of their own."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from growthplatform.launcher.data import Data
from growthplatform.launcher.servers import Servers

MakeUser = Callable[[], Servers]


def make_data() -> Data:
    """Make an empty data folder that the servers' user can enter, which pytest's own folders are not."""
    folder = Path(tempfile.mkdtemp(prefix="growth-"))
    folder.chmod(0o711)
    return Data(folder.resolve())


@pytest.fixture(scope="module")
def data() -> Iterator[Data]:
    """A data folder for the tests of one file: making a database writes a thousand files."""
    data = make_data()
    yield data
    shutil.rmtree(data.folder)


@pytest.fixture
def empty_data() -> Iterator[Data]:
    """A data folder that nothing has been in."""
    data = make_data()
    yield data
    shutil.rmtree(data.folder)


@pytest.fixture
def make_user(data: Data) -> Iterator[MakeUser]:
    """Users of one pair of servers; each is what a process has."""
    users: list[Servers] = []

    def make() -> Servers:
        users.append(Servers(data, with_postgres=True, with_redis=True))
        users[-1].start()
        return users[-1]

    yield make
    for user in users:
        user.release()


def environment(**changes: str) -> dict[str, str]:
    """Give an environment without the servers of this test run."""
    return {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}} | changes
