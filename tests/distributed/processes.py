"""An installation of real processes, of which any can be killed, stopped and started again."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE_S, Patient
from tests.ports import free_port

from apibench.assembly.rest_client import RestClient
from apibench.model.errors import LinkLost

TOKEN = "0123456789abcdef0123456789abcdef"


class Processes(Patient):
    """Services by name; each can be started again as it was."""

    def __init__(self, folder: Path, store: str, ca_file: Path | None = None, host: str = "127.0.0.1") -> None:
        """With `ca_file` they are asked over TLS. `host`: the address at which services reach one another."""
        self.folder = folder
        self.http = f"127.0.0.1:{free_port()}"
        self.grpc, self.results = (f"{host}:{free_port()}" for _ in range(2))
        self.client = RestClient(f"{'https' if ca_file else 'http'}://{self.http}", TOKEN, ca_file=ca_file)
        self.environment_of: dict[str, dict[str, str]] = {}
        """What a service has of its own, by name."""
        self.prefix_of: dict[str, list[str]] = {}
        """What a service is started by, by name: to be put into another network, say."""
        self.python_of: dict[str, str] = {}
        """Which Python a service is run by, by name, if not by this one."""
        self._environment = {**os.environ, "APIBENCH_TOKEN": TOKEN, "APIBENCH_STORE": store, "NO_COLOR": "1"}
        self._commands: dict[str, list[str]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *words: str) -> None:
        """Start a service, or start it again."""
        if words:
            self._commands[name] = [*words]
        own = self.environment_of.get(name, {})
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            python = self.python_of.get(name, sys.executable)
            self._running[name] = subprocess.Popen(
                [*self.prefix_of.get(name, []), python, "-m", "apibench", *self._commands[name]],
                env={**self._environment, "APIBENCH_DATA_DIR": str(self.folder / name), **own},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_controller(self, *words: str, name: str = "controller", http: str = "", grpc: str = "") -> None:
        """The controller, or another one."""
        self.start(name, "controller", "--http", http or self.http, "--grpc", grpc or self.grpc, *words)

    def start_aggregator(self, *words: str) -> None:
        """The aggregator."""
        self.start("aggregator", "aggregator", "--controller", self.grpc, "--grpc", self.results, *words)

    def start_worker(self, name: str, *words: str) -> None:
        """A worker."""
        self.start(name, "worker", "--controller", self.grpc, *words)

    def pid(self, name: str) -> int:
        """Of a service."""
        return self._running[name].pid

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send it a signal."""
        self._running[name].send_signal(number)

    def kill(self, name: str) -> None:
        """As a machine would that loses its power."""
        process = self._running.pop(name)
        process.kill()
        process.wait()

    def end(self, name: str) -> int:
        """Politely; its exit code."""
        process = self._running.pop(name)
        process.terminate()
        return process.wait(PATIENCE_S)

    def exit_code(self, name: str) -> int:
        """Of a service that ends by itself."""
        return self._running.pop(name).wait(PATIENCE_S)

    def ask(self, method: str, path: str, body: Any = None, patience_s: float = PATIENCE_S) -> Any:
        """Of REST; asked again while nobody answers."""
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return self.client.ask(method, path, body)
            except LinkLost:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def until_idle(self, workers: int) -> None:
        """Wait until so many workers could take part in a run."""
        self.until(f"{workers} idle workers", lambda: self.idle() == workers)

    def idle(self) -> int:
        """How many."""
        found = self.ask("GET", "/v1/workers")["workers"]
        return sum(each["state"] == "idle" and each["clock_error_ns"] is not None for each in found)

    def busy(self) -> int:
        """How many have part in a run."""
        return sum(each["state"] == "busy" for each in self.ask("GET", "/v1/workers")["workers"])

    def agents(self) -> list[dict[str, Any]]:
        """Who makes workers, and for which runs."""
        found: list[dict[str, Any]] = self.ask("GET", "/v1/agents")["agents"]
        return found

    def run(self, **body: Any) -> str:
        """Start a run; its id."""
        self.until("an aggregator", self._is_ready)
        run_id: str = self.ask("POST", "/v1/runs", body)["id"]
        return run_id

    def state(self, run_id: str) -> str:
        """Where a run stands."""
        state: str = self.ask("GET", f"/v1/runs/{run_id}")["state"]
        return state

    def until_running(self, run_id: str) -> None:
        """Wait until its load has begun."""
        self.until("the run begins", lambda: self.state(run_id) == "running")

    def result(self, run_id: str, patience_s: float = 120.0) -> dict[str, Any]:
        """The result of a run once it is over."""
        self.until("the run ends", lambda: self.state(run_id) in ("finished", "failed"), patience_s)
        row = self.ask("GET", f"/v1/runs/{run_id}")
        assert row["state"] == "finished", f"{row['reason']}\n{self.said()}"
        document: dict[str, Any] = self.ask("GET", f"/v1/runs/{run_id}/result")
        return document

    def events(self, run_id: str) -> str:
        """What happened to a run."""
        return json.dumps(self.ask("GET", f"/v1/runs/{run_id}/events"), indent=1)

    def log(self, name: str) -> str:
        """All that a service has said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def said(self) -> str:
        """The ends of all logs."""
        return "\n".join(
            f"--- {path.stem}\n{path.read_text(errors='replace')[-3_000:]}"
            for path in sorted(self.folder.glob("*.log"))
        )

    def close(self) -> None:
        """End all that is left."""
        for process in self._running.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
            process.terminate()
        for process in self._running.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._running.clear()

    def _is_ready(self) -> bool:
        try:
            return bool(self.client.ask("GET", "/readyz")["ready"])
        except LinkLost:
            return False


@contextlib.contextmanager
def processes(folder: Path, store: str, workers: int, *words: str) -> Iterator[Processes]:
    """Controller, which may be told more, aggregator and so many workers."""
    made = Processes(folder, store)
    try:
        made.start_controller(*words)
        made.start_aggregator()
        for number in range(workers):
            made.start_worker(f"w{number}")
        made.until_idle(workers)
        yield made
    finally:
        made.close()


def open_plan(address: str, rate_per_s: int, duration_s: int) -> dict[str, Any]:
    """So many requests a second, in the words of a plan file."""
    return {
        "version": 1,
        "name": "load",
        "seed": 7,
        "hosts": {"api": {"base_url": address}},
        "scenarios": [
            {
                "name": "main",
                "steps": [{"type": "request", "host": "api", "path": "/"}],
                "load": {
                    "model": "open",
                    "rate": f"{rate_per_s}/s",
                    "max_vus": 100,
                    "ends": {"duration": f"{duration_s}s"},
                },
            }
        ],
    }
