"""
What the host does to this process, read once a second from the kernel's own accounts.

Every file may be missing (another kernel, a container that hides it): what cannot be read is 0, and a rule that needs
it finds nothing.
"""

from pathlib import Path

from apibench.model.host_sample import HostSample, HostTotals
from apibench.worker.control_group import ControlGroup, lines

_PROC = Path("/proc")
_NS_PER_TICK = 10_000_000
"""`/proc/stat` counts hundredths of a second on every Linux that people run."""


class HostSampler:
    """Keeps what it has read, and what the counters stood at."""

    def __init__(self, proc: Path = _PROC, group: ControlGroup | None = None) -> None:
        self._proc = proc
        self._group = ControlGroup() if group is None else group
        self.totals = HostTotals()
        self.seconds = 0
        """How many samples those are of."""
        self._before = self._read()

    def sample(self) -> HostSample:
        """What has happened since the last sample."""
        now = self._read()
        throttled, steal, waited = (max(after - before, 0) for before, after in zip(self._before, now, strict=True))
        self._before = now
        taken = HostSample(throttled_ns=throttled, steal_ns=steal, waited_ns=waited)
        self.totals, self.seconds = self.totals.then(taken), self.seconds + 1
        return taken

    def _read(self) -> tuple[int, int, int]:
        return self._group.throttled_ns(), self._steal_ns(), self._waited_ns()

    def _steal_ns(self) -> int:
        for line in lines(self._proc / "stat"):
            if line.startswith("cpu "):
                fields = line.split()
                return int(fields[8]) * _NS_PER_TICK if len(fields) > 8 else 0
        return 0

    def _waited_ns(self) -> int:
        """Of the threads that make the load; the others may wait as they like."""
        waited = 0
        tasks = self._proc / "self" / "task"
        try:
            threads = list(tasks.iterdir())
        except OSError:
            return 0
        for thread in threads:
            name = "".join(lines(thread / "comm")).strip()
            fields = "".join(lines(thread / "schedstat")).split()
            if name.startswith("apibench-") and len(fields) > 1:
                waited += int(fields[1])
        return waited
