"""The machine that we are on, as far as a load generator cares: processors, quota, clock, and who else is on it."""

import ipaddress
import os
import platform
import resource
from collections.abc import Iterable
from pathlib import Path

from apibench.worker.control_group import ControlGroup

_CLOCK_SOURCE = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")


def processors() -> tuple[int, ...]:
    """The processors that this process may use, by number."""
    return tuple(sorted(os.sched_getaffinity(0)))


def quota() -> float | None:
    """Processors' worth of time that the control group grants; None for no quota."""
    return ControlGroup().quota()


def clock_source() -> str:
    """The kernel's clock source, like `tsc`."""
    return _read(_CLOCK_SOURCE) or "unknown"


def kernel() -> str:
    """The kernel's release."""
    return platform.release()


def descriptor_limits() -> tuple[int, int]:
    """File descriptors that this process may have: now, and at the most."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)


def raise_descriptor_limit() -> int:
    """Allow as many file descriptors as this process may allow itself; returns how many."""
    soft, hard = descriptor_limits()
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def local_ports() -> int:
    """How many local ports connections to one address can have."""
    text = _read(Path("/proc/sys/net/ipv4/ip_local_port_range"))
    low, high = (int(part) for part in (text or "32768 60999").split())
    return high - low + 1


def is_local(addresses: Iterable[str]) -> bool:
    """Whether one of these addresses, as the engine writes them, is on this machine."""
    for address in addresses:
        if address.startswith("unix:"):
            return True
        host = address.rpartition(":")[0].strip("[]").partition("%")[0]
        if ipaddress.ip_address(host).is_loopback:
            return True
    return False


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
