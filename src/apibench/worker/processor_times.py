"""
What the kernel counts of this machine's processors: how long they worked, and how long a hypervisor had them meanwhile.

Steal only grows while a processor has something to run. One that is idle has none taken from it, however full the
machine below is.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from apibench.worker.control_group import lines

_PROC = Path("/proc")
_NS_PER_TICK = 10_000_000
"""`/proc/stat` counts hundredths of a second on every Linux that people run."""
_STEAL = 8
"""The field of a line, its name counted in: user, nice, system, idle, iowait, irq, softirq, steal."""


@dataclass(frozen=True, slots=True)
class ProcessorTimes:
    """Of some processors together. Hundredths of a second are the finest that the kernel tells."""

    busy_ns: int = 0
    """Time for which they ran processes. Interrupts are left out: those are nobody's."""
    steal_ns: int = 0
    """Time for which they had something to run, and the hypervisor ran other machines."""

    def since(self, before: "ProcessorTimes") -> "ProcessorTimes":
        """What came after an earlier look. Never less than nothing: some hypervisors' counts go back."""
        return ProcessorTimes(max(self.busy_ns - before.busy_ns, 0), max(self.steal_ns - before.steal_ns, 0))

    @property
    def steal_share(self) -> float:
        """Steal of the time for which the processors were wanted, in [0, 1]; 0 where they never were."""
        wanted_ns = self.busy_ns + self.steal_ns
        return self.steal_ns / wanted_ns if wanted_ns else 0.0


def processor_times(allowed: Collection[int], proc: Path = _PROC) -> ProcessorTimes:
    """
    The counts since boot of these processors.

    Where not all of them are told, those of all that are: a container may show processors by numbers of its own.
    """
    told: dict[str, ProcessorTimes] = {}
    for line in lines(proc / "stat"):
        if line.startswith("cpu"):
            name, *counts = line.split()
            user, nice, system = (int(count) for count in counts[:3])
            steal = int(counts[_STEAL - 1]) if len(counts) >= _STEAL else 0
            told[name] = ProcessorTimes((user + nice + system) * _NS_PER_TICK, steal * _NS_PER_TICK)
    everything = told.get("cpu", ProcessorTimes())
    mine = [told.get(f"cpu{number}") for number in allowed]
    found = [each for each in mine if each is not None]
    if not found or len(found) < len(mine):
        return everything
    return ProcessorTimes(sum(each.busy_ns for each in found), sum(each.steal_ns for each in found))
