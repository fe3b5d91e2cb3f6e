"""The embedded PostgreSQL and Redis: started once, shared, brought back, stopped by the last."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
import redis as redis_client

from growthplatform.launcher import CannotStart, broker_url, postgres, redis
from growthplatform.launcher.data import CHECKOUT, LONGEST_SOCKET_BYTES, Data
from growthplatform.launcher.servers import Servers, ensure
from tests.launcher.conftest import MakeUser, environment

pytestmark = pytest.mark.servers
USE = "from growthplatform import launcher; s = launcher.ensure(); print(s.data.folder, flush=True); input()"


def write_row(data: Data) -> None:
    with psycopg.connect(postgres.database_url(data)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (word text)")
        connection.execute("TRUNCATE kept")
        connection.execute("INSERT INTO kept VALUES ('here')")


def read_rows(data: Data) -> list[str]:
    with psycopg.connect(postgres.database_url(data)) as connection:
        return [word for (word,) in connection.execute("SELECT word FROM kept")]


def write_key(data: Data) -> None:
    with redis_client.Redis.from_url(redis.redis_url(data)) as client:
        client.set("kept", "here")


def read_key(data: Data) -> bytes:
    with redis_client.Redis.from_url(redis.redis_url(data)) as client:
        return client.get("kept")


def postmaster(data: Data) -> int:
    return int((data.postgres / "postmaster.pid").read_text().split()[0])


def redis_process(data: Data) -> int:
    return int((data.redis / "redis.pid").read_text())


def another_process(data: Data) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", USE],
        cwd=CHECKOUT,
        env=environment(GROWTH_DATA=str(data.folder)),
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_an_empty_folder_becomes_a_utf8_database_with_checksums_on_private_sockets(
    data: Data, make_user: MakeUser
) -> None:
    make_user()

    with psycopg.connect(postgres.database_url(data)) as connection:
        encoding, checksums, address = connection.execute(
            "SELECT current_setting('server_encoding'), current_setting('data_checksums'), "
            "current_setting('listen_addresses')"
        ).fetchone()
    assert (encoding, checksums, address) == ("UTF8", "on", "")
    assert data.sockets.stat().st_mode & 0o777 == 0o700
    with redis_client.Redis.from_url(redis.redis_url(data)) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("appendonly") == {"appendonly": "yes"}


def test_data_is_kept_over_a_restart(data: Data, make_user: MakeUser) -> None:
    first = make_user()
    write_row(data)
    write_key(data)

    assert first.release()
    make_user()

    assert read_rows(data) == ["here"]
    assert read_key(data) == b"here"


def test_postgres_comes_back_with_its_rows_after_kill_9(data: Data, make_user: MakeUser) -> None:
    user = make_user()
    write_row(data)

    os.kill(postmaster(data), signal.SIGKILL)
    time.sleep(0.05)
    assert not user.are_running()
    user.start()

    assert read_rows(data) == ["here"]


def test_redis_comes_back_with_its_keys_after_kill_9(data: Data, make_user: MakeUser) -> None:
    user = make_user()
    write_key(data)

    os.kill(redis_process(data), signal.SIGKILL)
    time.sleep(0.05)
    assert not user.are_running()
    user.start()

    assert read_key(data) == b"here"


def test_a_lock_file_whose_number_another_process_has_now_does_not_block(data: Data, make_user: MakeUser) -> None:
    user = make_user()
    user.release()
    lock = data.postgres / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{data.postgres}\n0\n5432\n{data.sockets}\n\n 1 1\nready   \n")

    user.start()

    assert postmaster(data) != os.getpid()


def test_two_users_share_one_pair_of_servers_and_the_last_one_stops_it(data: Data, make_user: MakeUser) -> None:
    first = make_user()
    server = postmaster(data)
    second = make_user()

    assert postmaster(data) == server
    assert not first.release()
    assert second.are_running()
    assert second.release()
    assert not postgres.is_running(data)
    assert not redis.is_running(data)


def test_processes_that_start_at_the_same_moment_start_one_pair(data: Data, make_user: MakeUser) -> None:
    make_user().release()
    before = data.log("postgres").read_text()
    processes = [another_process(data) for _ in range(3)]
    for process in processes:
        assert process.stdout.readline().strip() == str(data.folder)
    log = data.log("postgres").read_text().removeprefix(before)

    for process in processes:
        process.communicate("\n")

    assert log.count("ready to accept connections") == 1
    assert not postgres.is_running(data)


def test_a_killed_user_does_not_count(data: Data, make_user: MakeUser) -> None:
    with another_process(data) as killed:
        assert killed.stdout.readline()
        user = make_user()
        killed.kill()

    assert user.release()


def test_a_folder_of_another_major_version_is_refused_with_a_sentence(empty_data: Data) -> None:
    empty_data.postgres.mkdir()
    (empty_data.postgres / "PG_VERSION").write_text("15\n")

    with pytest.raises(CannotStart, match="made by PostgreSQL 15, this is 18"):
        Servers(empty_data, with_postgres=True, with_redis=False).start()


def test_a_long_path_gets_its_sockets_in_a_short_private_folder(empty_data: Data) -> None:
    deep = Data(empty_data.folder / ("long" * 25))

    assert len(str(deep.sockets / ".s.PGSQL.5432")) <= LONGEST_SOCKET_BYTES
    user = Servers(deep, with_postgres=False, with_redis=True)
    user.start()
    assert user.are_running()
    assert deep.sockets.stat().st_mode & 0o777 == 0o700
    user.release()
    shutil.rmtree(deep.sockets)


def test_a_server_of_the_operators_own_is_left_alone(empty_data: Data) -> None:
    chosen = {"DATABASE_URL": "postgresql://db.example/growth", "GROWTH_DATA": str(empty_data.folder)}

    servers = ensure(chosen)

    assert chosen["DATABASE_URL"] == "postgresql://db.example/growth"
    assert chosen["REDIS_URL"] == redis.redis_url(empty_data)
    assert not postgres.is_running(empty_data)
    servers.release()


def test_celery_gets_the_socket_in_its_own_form() -> None:
    assert broker_url("unix:///var/run/redis.sock?db=3") == "redis+socket:///var/run/redis.sock?virtual_host=3"
    assert broker_url("redis://cache:6379/1") == "redis://cache:6379/1"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user")
def test_root_runs_the_servers_as_an_unprivileged_user(data: Data, make_user: MakeUser) -> None:
    make_user()

    for process in (postmaster(data), redis_process(data)):
        owner = Path(f"/proc/{process}").stat().st_uid
        assert owner != 0
        assert pwd.getpwuid(owner).pw_name == data.account.name


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user")
def test_programs_in_a_folder_closed_to_others_are_copied_once(empty_data: Data, tmp_path: Path) -> None:
    program = tmp_path / "package" / "tree" / "bin" / "program"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)

    copied = empty_data.reachable(program.parent.parent, "bin/program", "package-1.0")
    newer = empty_data.reachable(program.parent.parent, "bin/program", "package-1.1")

    assert empty_data.account.can_run(newer)
    assert not copied.exists()
