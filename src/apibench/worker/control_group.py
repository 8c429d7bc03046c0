"""The control group that rations this process's processor time: how much it grants, and how often it stopped us."""

from pathlib import Path

_PROC = Path("/proc")
_CGROUP = Path("/sys/fs/cgroup")
_NS_PER_US = 1_000


class ControlGroup:
    """Of version 1 or 2, or none: what cannot be read grants everything and has stopped nobody."""

    def __init__(self, proc: Path = _PROC, root: Path = _CGROUP) -> None:
        self._folders = _folders(lines(proc / "self" / "cgroup"), root)

    def quota(self) -> float | None:
        """Processors' worth of time that the tightest of the groups grants; None for no quota."""
        granted = [quota for folder in self._folders if (quota := _quota(folder)) is not None]
        return min(granted, default=None)

    def throttled_ns(self) -> int:
        """For how long we have been stopped so far, in nanoseconds."""
        return max((_throttled_ns(folder) for folder in self._folders), default=0)

    def throttled_periods(self) -> int:
        """How often so far."""
        return max((_count(folder, "nr_throttled") for folder in self._folders), default=0)


def _folders(memberships: list[str], root: Path) -> list[Path]:
    """The groups that we are in and those above them, each of which may have a quota."""
    for membership in memberships:
        number, _, rest = membership.partition(":")
        controllers, _, name = rest.partition(":")
        if "cpu" in controllers.split(","):
            return _upwards(root / "cpu", name)
        if number == "0" and not controllers and (root / "cgroup.controllers").exists():
            return _upwards(root, name)
    return []


def _upwards(root: Path, name: str) -> list[Path]:
    # A container sees itself at the top: a path that is not there is that of the outside.
    own = root / name.strip("/")
    if not own.is_dir():
        return [root]
    return [own, *(parent for parent in own.parents if parent.is_relative_to(root))]


def _quota(folder: Path) -> float | None:
    for line in lines(folder / "cpu.max"):
        most, _, period = line.partition(" ")
        return None if most == "max" else int(most) / int(period)
    most, period = "".join(lines(folder / "cpu.cfs_quota_us")), "".join(lines(folder / "cpu.cfs_period_us"))
    if not most or not period or int(most) <= 0:
        return None
    return int(most) / int(period)


def _throttled_ns(folder: Path) -> int:
    # Version 2, or 1.
    return _count(folder, "throttled_usec") * _NS_PER_US or _count(folder, "throttled_time")


def _count(folder: Path, name: str) -> int:
    for line in lines(folder / "cpu.stat"):
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def lines(path: Path) -> list[str]:
    """The lines of one of the kernel's files; none if it is not there."""
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
