"""Pods of Jobs whose workers are simulated, all in one process; all other pods are processes of their own."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from machine import GENERATOR_CPU, HERE

sys.path.insert(0, str(HERE.parent))
from tests.kubernetes.api import Object
from tests.kubernetes.runtime import Container, Furnished, ProcessRuntime
from tests.network import Network

ALONE = ("controller", "aggregator")
"""Services that have a processor for themselves, which is `GENERATOR_CPU`; all else has the other."""
_NAME = "workers"
_RESOLVING = 'mount --bind "$0" /etc/resolv.conf; exec "$@"'


class SimulatedPods:
    """A Runtime. `close` ends the process that all simulated workers are in."""

    def __init__(self, network: Network) -> None:
        self.told: defaultdict[str, dict[str, int]] = defaultdict(dict)
        """When what has happened to which simulated worker, on CLOCK_MONOTONIC, by the uid of its pod."""
        self.said = ""
        """What the process says of faults, as a file."""
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        """Of services that have a processor for themselves, by their component."""
        self._network = network
        self._others = ProcessRuntime(network)
        self._address = ""
        self._process: subprocess.Popen[str] | None = None
        self._containers: dict[str, SimulatedContainer] = {}
        self._lock = threading.Lock()

    def join(self, pod: Object) -> str:
        """Simulated workers share one address."""
        if not _is_simulated(pod):
            return self._others.join(pod)
        with self._lock:
            if not self._address:
                self._address = self._network.join(_NAME)
            return self._address

    def leave(self, pod: Object) -> None:
        """Nothing is left of it."""
        if not _is_simulated(pod):
            self._others.leave(pod)

    def start(self, furnished: Furnished, ended: Callable[[], None]) -> Container:
        """Begin a worker, or a process."""
        if not _is_simulated(furnished.pod):
            return self._start_process(furnished, ended)
        arguments = furnished.words[furnished.words.index("worker") :]
        order = {
            "begin": furnished.uid,
            "arguments": [_outside(word, furnished) for word in arguments],
            "environment": dict(furnished.environment),
        }
        container = SimulatedContainer(furnished.uid, self.order, ended)
        with self._lock:
            self._containers[furnished.uid] = container
            if self._process is None:
                self._process = self._begin(furnished)
        self.order(order)
        return container

    def order(self, order: dict[str, Any]) -> None:
        """Have the process do it."""
        with self._lock:
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.write(json.dumps(order) + "\n")
                self._process.stdin.flush()

    def close(self) -> None:
        """End the process."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            self._process.wait(60)

    def pid(self) -> int:
        """Of the process."""
        return 0 if self._process is None else self._process.pid

    def _begin(self, furnished: Furnished) -> subprocess.Popen[str]:
        """In a network of its own, where names are answered as in a pod."""
        self.said = str(furnished.folder.parent / "workers.log")
        with Path(self.said).open("wb") as log:
            process: subprocess.Popen[str] = subprocess.Popen(
                [
                    *self._network.entered(_NAME),
                    *("sh", "-ec", _RESOLVING, str(furnished.resolver)),
                    *(sys.executable, str(HERE / "simulated_workers.py")),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        threading.Thread(target=self._hear, args=(process,), daemon=True).start()
        return process

    def _hear(self, process: subprocess.Popen[str]) -> None:
        for line in process.stdout or ():
            told = json.loads(line)
            self.told[told["uid"]][told["what"]] = told["at_ns"]
            if told["what"] == "ended":
                self._containers[told["uid"]].has_ended(told["code"])
        for container in self._containers.values():
            container.has_ended(1)

    def _start_process(self, furnished: Furnished, ended: Callable[[], None]) -> subprocess.Popen[bytes]:
        component = furnished.pod["metadata"].get("labels", {}).get("app.kubernetes.io/component", "")
        if component not in ALONE:
            return self._others.start(furnished, ended)
        process = self._others.start(_pinned(furnished), ended)
        self.processes[component] = process
        return process


def _pinned(furnished: Furnished) -> Furnished:
    """The same with a processor for itself."""
    pod = copy.deepcopy(furnished.pod)
    (container,) = pod["spec"]["containers"]
    container["command"] = ["taskset", "-c", str(GENERATOR_CPU), *furnished.words]
    container["args"] = []
    return replace(furnished, pod=pod)


class SimulatedContainer:
    """A Container: a worker in the process of all."""

    def __init__(self, uid: str, order: Callable[[dict[str, Any]], None], ended: Callable[[], None]) -> None:
        self._uid = uid
        self._order = order
        self._tell = ended
        self._ended = threading.Event()
        self._code: int | None = None

    def poll(self) -> int | None:
        """With which code it has ended."""
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        """Until it has ended."""
        if not self._ended.wait(timeout) or self._code is None:
            raise subprocess.TimeoutExpired("worker", timeout or 0)
        return self._code

    def terminate(self) -> None:
        """Ask it to hand over and end."""
        if self._code is None:
            self._order({"leave": self._uid})

    def kill(self) -> None:
        """End it."""
        if self._code is None:
            self._order({"kill": self._uid})

    def send_signal(self, sig: int) -> None:
        """Whatever it is, it does not outlive it."""
        self.kill()

    def has_ended(self, code: int) -> None:
        """It has; the first word counts."""
        if self._code is None:
            self._code = code
            self._ended.set()
            self._tell()


def _is_simulated(pod: Object) -> bool:
    return "apibench/run" in pod["metadata"].get("labels", {})


def _outside(word: str, furnished: Furnished) -> str:
    """A word of its command with the path of this machine in place of its container's."""
    flag, equals, value = word.partition("=")
    for place, folder in furnished.mounts.items():
        if value == place or value.startswith(f"{place}/"):
            return f"{flag}{equals}{folder}{value[len(place) :]}"
    return word
