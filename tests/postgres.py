"""
A PostgreSQL of the tests' own: in a temporary directory, as somebody without rights, on loopback and a socket.

`fsync` is off: what is tested is what it promises, not the disk. `stop` and `start` are for those who want it gone.
"""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import IO, Any

import psycopg
import pytest
from tests.ports import free_port

PATIENCE_S = 60
_OWNER = "apibench"


class Postgres:
    """A server; `new_database` makes a database that nobody has used."""

    def __init__(self, programs: Path, folder: Path, log: IO[bytes]) -> None:
        self._programs = programs
        self._data = folder / "data"
        self._folder = folder
        self._log = log
        self._numbers = count()
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    def prepare(self) -> None:
        """Make its files."""
        options = ["-U", _OWNER, "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        subprocess.run([self._programs / "initdb", "-D", self._data, *options], check=True, **self._as_nobody())

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ["-D", str(self._data), "-k", str(self._folder), "-h", "127.0.0.1", "-p", str(self.port), "-F"]
        # A group of its own: Ctrl-C in the terminal is for the tests, which stop it themselves.
        process: subprocess.Popen[bytes] = subprocess.Popen(
            [str(self._programs / "postgres"), *options], start_new_session=True, **self._as_nobody()
        )
        self._process = process
        end = time.monotonic() + PATIENCE_S
        while not self._answers():
            if process.poll() is not None or time.monotonic() > end:
                said = (self._folder / "log").read_text(errors="replace")
                pytest.fail(f"PostgreSQL does not start:\n{said[-2_000:]}")
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Have it end: SIGINT cuts all connections, SIGQUIT is a crash."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def new_database(self, template: str = "template0") -> str:
        """
        The URL of a database of its own; from the name of another one it is a copy of that.

        Its texts are sorted as in English, so that whoever relies on the order of code points has to say so.
        """
        name = f"d{next(self._numbers)}"
        locale = "LOCALE_PROVIDER icu ICU_LOCALE 'en-US'" if template == "template0" else ""
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} {locale}")
        return self.url(name)

    def new_user(self, database: str, password: str) -> str:
        """Who owns that database alone, and has to give a password over TCP."""
        user = f"user_of_{database}"
        self.execute(f"CREATE ROLE {user} LOGIN PASSWORD '{password}'")
        self.execute(f"ALTER DATABASE {database} OWNER TO {user}")
        ((file,),) = self.execute("SHOW hba_file")
        rules = Path(file)
        rules.write_text(f"host all {user} 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        self.execute("SELECT pg_reload_conf()")
        return user

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """What a statement answers, outside of any transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            found = connection.execute(statement.encode())
            return found.fetchall() if found.description else []

    def url(self, database: str) -> str:
        """Of a database of it."""
        return f"postgresql://{_OWNER}@127.0.0.1:{self.port}/{database}"

    def _answers(self) -> bool:
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _as_nobody(self) -> dict[str, Any]:
        # PostgreSQL refuses to run as root.
        rights: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
        return rights | {
            "stdin": subprocess.DEVNULL,
            "stdout": self._log,
            "stderr": subprocess.STDOUT,
            "cwd": "/",
            "env": {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        }


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server for as long as the context lasts."""
    folder = Path(tempfile.mkdtemp(prefix="apibench-postgres-"))
    with (folder / "log").open("wb") as log, _started(folder, log) as server:
        yield server


@contextmanager
def _started(folder: Path, log: IO[bytes]) -> Iterator[Postgres]:
    server = Postgres(_programs(), folder, log)
    try:
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        server.prepare()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _programs() -> Path:
    """Where initdb and postgres are: Debian keeps them out of the way."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    found = versions[-1] if versions else shutil.which("initdb")
    if found is None:
        pytest.fail("PostgreSQL is missing: `make packages`, or on Debian apt-get install postgresql")
    return Path(found).parent
