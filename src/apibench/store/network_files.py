"""Whether a file would lie on another host, where the locks and the shared memory of SQLite do not work."""

import re
from pathlib import Path

_KINDS = frozenset(
    {"9p", "afs", "beegfs", "ceph", "cifs", "coda", "lustre", "ncpfs", "nfs", "nfs4", "smb2", "smb3", "smbfs"}
    | {"fuse.ceph", "fuse.glusterfs", "fuse.sshfs"}
)
_MOUNTS = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")


def network_file_system(path: Path) -> str | None:
    """The kind of the network file system a path is on; None for another one, and where the kernel doesn't tell."""
    try:
        mounts = _MOUNTS.read_text(errors="surrogateescape")
    except OSError:
        return None
    kind = kind_of(path.resolve(), mounts)
    return kind if kind in _KINDS else None


def kind_of(path: Path, mounts: str) -> str | None:
    """The file system an absolute path is on, by the lines of Linux's `mountinfo`."""
    found, depth = None, 0
    for line in mounts.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = Path(_ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), fields[4]))
        # Of two at one place, the later one hides the earlier.
        if path.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = after.split(" ")[0], len(point.parts)
    return found
