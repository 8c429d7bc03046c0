"""The machine that we are on, as far as a load generator cares: processors, quota, clock, and who else is on it."""

import ipaddress
import os
import platform
import resource
import socket
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


def tracked_connections() -> tuple[int, int]:
    """How many connections this network's table can hold, and how many it holds; 0 and 0 where there is none."""
    folder = Path("/proc/sys/net/netfilter")
    return int(_read(folder / "nf_conntrack_max") or 0), int(_read(folder / "nf_conntrack_count") or 0)


def is_local(addresses: Iterable[str]) -> bool:
    """Whether one of these addresses, as the engine writes them, is on this machine."""
    return any(address.startswith("unix:") or _is_own(address) for address in addresses)


def _is_own(address: str) -> bool:
    """Whether one of this machine's interfaces has it: only then does the kernel let a socket be bound to it."""
    host = ipaddress.ip_address(address.rpartition(":")[0].strip("[]").partition("%")[0])
    family = socket.AF_INET if host.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(host), 0))
    except OSError:
        return False
    return True


def reuses_waiting_ports() -> bool:
    """Whether a port that waits for the last packets of a closed connection may carry another, to any address."""
    return _read(Path("/proc/sys/net/ipv4/tcp_tw_reuse")) == "1"


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
