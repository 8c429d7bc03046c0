"""
The containers of compose.yaml as processes: their commands, variables, files and health checks as they stand there.

Each has a network address of its own, where it listens as it would in its container. What is not there is the file
system of the images, which tests/image/ looks at, and Grafana.
"""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.compose.composed import ROOT, Container, containers, document
from tests.network import Network
from tests.postgres import Postgres
from tests.relay import relay

PATIENCE_S = 60
_PROGRAMS = {"/usr/bin/python3.11": sys.executable, "/usr/local/bin/healthy.py": f"{ROOT}/deploy/image/healthy.py"}
_NOT_HERE = ("grafana",)


class Installation:
    """Services, each started behind those that it waits for."""

    def __init__(self, folder: Path, environment: Mapping[str, str], postgres: Postgres) -> None:
        self.network = Network(folder, "compose")
        self._folder = folder
        self._postgres = postgres
        self._services = [name for name in document()["services"] if name not in _NOT_HERE]
        self._containers = dict(_named(environment, self._services))
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._started: set[str] = set()
        self._listening: socket.socket | None = None

    def start_all(self) -> None:
        """All that start by themselves, until those are healthy that say whether they are."""
        for service in self._services:
            if "profiles" not in document()["services"][service]:
                self.start(service)
        for service in self._started:
            self.until(service, "service_healthy")

    def start(self, service: str) -> None:
        """One, once all that it waits for is as it wants it."""
        if service in self._started:
            return
        self._started.add(service)
        for name in self.names(service):
            for other, condition in self._containers[name].waits_for.items():
                self.start(other)
                self.until(other, condition)
            self.network.join(name, service)
            if service == "postgres":
                self._relay(name)
            else:
                self._launch(name)

    def run(self, service: str, *words: str) -> subprocess.CompletedProcess[str]:
        """A service once, with other words than its own: `docker compose run`."""
        if service not in self._started:
            self._started.add(service)
            self.network.join(service, service)
        command = [*self._containers[service].entrypoint, *words]
        return subprocess.run(
            self._command(service, command),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            **self._of(service),
        )

    def again(self, service: str) -> None:
        """Have what has ended run once more, to its end."""
        for name in self.names(service):
            self._launch(name)
        self.until(service, "service_completed_successfully")

    def names(self, service: str) -> list[str]:
        """Of its containers."""
        return [name for name, each in self._containers.items() if each.service == service]

    def healthy(self, name: str) -> bool:
        """What the health check of a container says; true where it has none."""
        asked = self._containers[name].health
        if not asked:
            return True
        command = self._command(name, asked)
        return subprocess.run(command, capture_output=True, check=False, **self._of(name)).returncode == 0

    def until(self, service: str, condition: str) -> None:
        """Wait for what others wait for."""
        deadline = time.monotonic() + PATIENCE_S
        while not all(self._holds(name, condition) for name in self.names(service)):
            if time.monotonic() > deadline:
                pytest.fail(f"{service}: not {condition} within {PATIENCE_S} s\n{self.said()}")
            time.sleep(0.1)

    def end(self, service: str) -> list[int]:
        """As `docker compose stop` does; the exit codes."""
        names = [name for name in self.names(service) if name in self._running]
        for name in names:
            self._running[name].terminate()
        return [self._running.pop(name).wait(PATIENCE_S) for name in names]

    def file(self, name: str, path: str) -> Path:
        """Where a path of a container is on this machine."""
        return Path(self._here(name, path))

    def ask(self, name: str, url: str, token: str = "", **parameters: str) -> Any:
        """The JSON that is answered there."""
        with self.network.seen_from(name):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return httpx.get(url, params=parameters, headers=headers, timeout=30).json()

    def said(self) -> str:
        """The ends of all logs."""
        logs = sorted(self._folder.glob("*.log"))
        return "\n".join(f"--- {log.stem}\n{log.read_text(errors='replace')[-3_000:]}" for log in logs)

    def close(self) -> None:
        """End all that is left."""
        for process in self._running.values():
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._listening is not None:
            self._listening.shutdown(socket.SHUT_RDWR)
        self.network.close()

    def _launch(self, name: str) -> None:
        container = self._containers[name]
        with (self._folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                self._command(name, [*container.entrypoint, *container.command]),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **self._of(name),
            )

    def _relay(self, name: str) -> None:
        """PostgreSQL at its usual port of this container: one that listens on loopback is there already."""
        with self.network.seen_from(name):
            self._listening = socket.create_server(("", 5432))
        relay(self._listening, self._postgres.port)

    def _holds(self, name: str, condition: str) -> bool:
        process = self._running.get(name)
        code = None if process is None else process.poll()
        if code:
            pytest.fail(f"{name} has ended: {code}\n{self.said()}")
        return code == 0 if condition == "service_completed_successfully" else self.healthy(name)

    def _command(self, name: str, words: list[str]) -> list[str]:
        return [*self.network.within(name), *(_PROGRAMS.get(word) or self._here(name, word) for word in words)]

    def _of(self, name: str) -> dict[str, Any]:
        """Environment and working directory of a container's processes."""
        kept = {key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ}
        told = {key: self._here(name, value) for key, value in self._containers[name].environment.items()}
        return {"env": kept | told, "cwd": self._folder}

    def _here(self, name: str, text: str) -> str:
        """With places of this machine for those in the container."""
        targets = "|".join(re.escape(each) for each in sorted(self._containers[name].mounts, key=len, reverse=True))
        return re.sub(rf"(?<![\w/.])({targets})(?=/|$)", lambda match: str(self._place(name, match[1])), text)

    def _place(self, name: str, target: str) -> Path:
        source = self._containers[name].mounts[target]
        if source.startswith("."):
            # What is written in a file of ours are places in the container too.
            place = self._folder / Path(source).name
            place.write_text(self._here(name, (ROOT / source).read_text()))
        else:
            place = self._folder / (source or name + target.replace("/", "-"))
            place.mkdir(exist_ok=True)
        return place


def _named(environment: Mapping[str, str], services: list[str]) -> Iterator[tuple[str, Container]]:
    for service in services:
        made = list(containers(environment, service))
        for number, each in enumerate(made, 1):
            yield (service if len(made) == 1 else f"{service}-{number}"), each


@contextlib.contextmanager
def installation(folder: Path, environment: Mapping[str, str], postgres: Postgres) -> Iterator[Installation]:
    """Nothing runs yet but a database of the name that the file gives it."""
    postgres.execute("CREATE DATABASE apibench")
    here = Installation(folder, environment, postgres)
    try:
        yield here
    finally:
        here.close()
        postgres.execute("DROP DATABASE apibench WITH (FORCE)")
