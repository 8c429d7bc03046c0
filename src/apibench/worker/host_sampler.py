"""
What the host does to this process, read once a second from the kernel's own accounts.

Every file may be missing (another kernel, a container that hides it): what cannot be read is 0, and a rule that needs
it finds nothing.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from apibench.model.host_sample import HostSample, HostTotals
from apibench.worker.control_group import ControlGroup, lines
from apibench.worker.processor_times import ProcessorTimes, processor_times

_PROC = Path("/proc")
_PREFIX = "apibench-"
"""Of the names of threads that make the load; a number follows."""


@dataclass(frozen=True, slots=True)
class _Thread:
    ran_ns: int = 0
    waited_ns: int = 0


@dataclass(frozen=True, slots=True)
class _Accounts:
    throttled_ns: int
    processors: ProcessorTimes
    threads: dict[str, _Thread]
    """By id. Only those that make the load; the others may wait as they like."""


class HostSampler:
    """Keeps what it has read, and what the counters stood at."""

    def __init__(
        self, proc: Path = _PROC, group: ControlGroup | None = None, allowed: Collection[int] | None = None
    ) -> None:
        """`allowed`: numbers of the processors that the load may run on; None: those of this process."""
        self._proc = proc
        self._group = ControlGroup() if group is None else group
        self._allowed = os.sched_getaffinity(0) if allowed is None else allowed
        self._part = 1.0
        self.totals = HostTotals()
        self.seconds = 0
        """How many samples those are of."""
        self._before = self._read()

    def sample(self) -> HostSample:
        """What has happened since the last sample."""
        before, now = self._before, self._read()
        processors = now.processors.since(before.processors)
        changes = [(thread, before.threads.get(number, _Thread())) for number, thread in now.threads.items()]
        if now.threads:
            ran_ns = sum(max(after.ran_ns - earlier.ran_ns, 0) for after, earlier in changes)
            self._part = _part(ran_ns, processors.busy_ns)
        taken = HostSample(
            throttled_ns=max(now.throttled_ns - before.throttled_ns, 0),
            steal_ns=round(processors.steal_ns * self._part),
            waited_ns=sum(max(after.waited_ns - earlier.waited_ns, 0) for after, earlier in changes),
            threads=len(now.threads),
        )
        self._before = now
        self.totals, self.seconds = self.totals.then(taken), self.seconds + 1
        return taken

    def _read(self) -> _Accounts:
        times = processor_times(self._allowed, self._proc)
        return _Accounts(self._group.throttled_ns(), times, self._threads())

    def _threads(self) -> dict[str, _Thread]:
        tasks = self._proc / "self" / "task"
        try:
            folders = list(tasks.iterdir())
        except OSError:
            return {}
        found: dict[str, _Thread] = {}
        for folder in folders:
            name = "".join(lines(folder / "comm")).strip()
            fields = "".join(lines(folder / "schedstat")).split()
            if name.startswith(_PREFIX) and name.removeprefix(_PREFIX).isdigit() and len(fields) > 1:
                found[folder.name] = _Thread(int(fields[0]), int(fields[1]))
        return found


def _part(ran_ns: int, busy_ns: int) -> float:
    """
    How much of what was taken from the processors was taken from us: as much as of their time was ours.

    The kernel does not say from whom it was taken. It is taken from whoever wants to run, though, and so a thread that
    has one of 64 processors to itself loses all that is lost, and one beside 60 busy neighbours next to nothing of it.
    """
    return min(ran_ns / busy_ns, 1.0) if busy_ns else 1.0
