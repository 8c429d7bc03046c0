"""
What the host does to this process, read once a second from the kernel's own accounts.

Every file may be missing (another kernel, a container that hides it): what cannot be read is 0, and a rule that needs
it finds nothing.
"""

from pathlib import Path

from apibench.model.host_sample import HostSample

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")
_NS_PER_US = 1_000
_NS_PER_TICK = 10_000_000
"""`/proc/stat` counts hundredths of a second on every Linux that people run."""


class HostSampler:
    """Keeps what it has read, and what the counters stood at."""

    def __init__(self, proc: Path = _PROC, cgroup: Path = _CGROUP) -> None:
        self._proc = proc
        self._cgroup = cgroup
        self.samples: list[HostSample] = []
        self._before = self._read()

    def sample(self) -> HostSample:
        """What has happened since the last sample."""
        now = self._read()
        throttled, steal, waited = (max(after - before, 0) for before, after in zip(self._before, now, strict=True))
        self._before = now
        taken = HostSample(throttled_ns=throttled, steal_ns=steal, waited_ns=waited)
        self.samples.append(taken)
        return taken

    def _read(self) -> tuple[int, int, int]:
        return self._throttled_ns(), self._steal_ns(), self._waited_ns()

    def _throttled_ns(self) -> int:
        for name in ("cpu.stat", "cpu/cpu.stat"):
            for line in _lines(self._own_cgroup() / name) or _lines(self._cgroup / name):
                key, _, value = line.partition(" ")
                if key == "throttled_usec":
                    return int(value) * _NS_PER_US
                if key == "throttled_time":
                    return int(value)
        return 0

    def _own_cgroup(self) -> Path:
        for line in _lines(self._proc / "self" / "cgroup"):
            if line.startswith("0::"):
                return self._cgroup / line[3:].strip().lstrip("/")
        return self._cgroup

    def _steal_ns(self) -> int:
        for line in _lines(self._proc / "stat"):
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
            name = "".join(_lines(thread / "comm")).strip()
            fields = "".join(_lines(thread / "schedstat")).split()
            if name.startswith("apibench-") and len(fields) > 1:
                waited += int(fields[1])
        return waited


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
