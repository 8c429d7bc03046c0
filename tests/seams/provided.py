"""Providers of both kinds to run one suite over, with a cluster that is made up and processes that are not."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tests.unit.provider.fake_api import FakeApi
from tests.unit.provider.fake_cluster import FakeCluster
from tests.unit.provider.following import jobs_at

from apibench.model.provision import Provision
from apibench.provider.local_processes import LocalProcesses
from apibench.provider.seam import WorkerProvider

SCRIPT = """\
import os, sys, time
from pathlib import Path
marks, exits, heals = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
well = heals and any(marks.iterdir())
(marks / f"{os.getpid()}").touch()
if exits and not well:
    print("what it said last")
    sys.exit(int(exits))
while True:
    time.sleep(60)
"""
"""A worker that leaves a mark when it starts, and then works for ever or ends at once."""


class Place(Protocol):
    """Where workers are made, and what can be seen of them there."""

    exits: int | None
    """The exit code of every worker, as soon as it runs; None: they run on."""
    heals: bool
    """Whether only the first one ends like that."""

    def provider(self, max_workers: int) -> WorkerProvider:
        """Who makes them, as a new process of the agent would have it. Only where a loop runs."""
        ...

    def made(self) -> int:
        """How many workers were started, ever."""
        ...

    def alive(self) -> int:
        """How many of them there still are."""
        ...


class Host:
    """The one that the tests run on."""

    def __init__(self, folder: Path) -> None:
        self.exits: int | None = None
        self.heals = False
        self._folder = folder
        self._marks = folder / "marks"
        self._marks.mkdir()
        self._script = folder / "worker.py"
        self._script.write_text(SCRIPT)

    def provider(self, max_workers: int) -> WorkerProvider:
        """Processes."""
        return LocalProcesses(self._command, self._folder / "workers", max_workers, os.environ)

    def made(self) -> int:
        """As their marks say."""
        return len(list(self._marks.iterdir()))

    def alive(self) -> int:
        """As the kernel says."""
        return sum(_is_there(int(mark.name)) for mark in self._marks.iterdir())

    def _command(self, _: Provision, __: Path) -> Sequence[str]:
        exits = "" if self.exits is None else str(self.exits)
        return [sys.executable, "-I", str(self._script), str(self._marks), exits, "heals" if self.heals else ""]


class Cluster:
    """One that is made up."""

    def __init__(self, api: FakeApi) -> None:
        self._api = api
        self._cluster = FakeCluster(api)
        self._cluster.runs_pods = True

    @property
    def exits(self) -> int | None:
        """Of every worker."""
        return self._cluster.exits

    @exits.setter
    def exits(self, code: int | None) -> None:
        self._cluster.exits = code

    @property
    def heals(self) -> bool:
        """Whether only the first one ends."""
        return self._cluster.heals

    @heals.setter
    def heals(self, heals: bool) -> None:
        self._cluster.heals = heals

    def provider(self, max_workers: int) -> WorkerProvider:
        """Jobs."""
        return jobs_at(self._api.url, max_workers=max_workers)

    def made(self) -> int:
        """As its controller says."""
        return self._cluster.made

    def alive(self) -> int:
        """As its pods say."""
        return sum(pod["status"]["phase"] == "Running" for pod in self._cluster.pods)


def _is_there(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
