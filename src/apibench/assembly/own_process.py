"""
Which process a run belongs to, written down at its beginning: so a run that goes on is told from a crashed one.

A number alone would not do: it is given to another process some day. With the moment at which the process began, and
the boot of the kernel that it began under, it is that one for ever.
"""

import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

Fate = Literal["running", "crashed", "unknown"]
_STARTED_AT = 19
"""The place of the start time in /proc/PID/stat, counted behind the name."""


def own_mark() -> dict[str, Any]:
    """What tells this process from every other."""
    return {**_here(), "pid": os.getpid(), "started": _started(os.getpid())}


def fate(mark: Mapping[str, Any] | None) -> Fate:
    """What became of the process of a run that has no end yet; `unknown` where it can't be seen from here."""
    if mark is None:
        return "crashed"
    here = _here()
    if mark.get("node") != here["node"]:
        return "unknown"
    if mark.get("boot") != here["boot"]:
        return "crashed"
    if mark.get("namespace") != here["namespace"]:
        # The same number is another process in another container.
        return "unknown"
    started = mark.get("started")
    return "running" if started is not None and _started(int(mark["pid"])) == started else "crashed"


def _here() -> dict[str, Any]:
    return {
        "node": platform.node(),
        "boot": _read(Path("/proc/sys/kernel/random/boot_id")),
        "namespace": _link(Path("/proc/self/ns/pid")),
    }


def _started(pid: int) -> str | None:
    """When a process began, in the kernel's ticks; None if there is none, or it has ended and nobody asked for it."""
    # The name before it may hold anything, parentheses too.
    words = _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return words[_STARTED_AT] if len(words) > _STARTED_AT and words[0] not in ("Z", "X") else None


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _link(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""
