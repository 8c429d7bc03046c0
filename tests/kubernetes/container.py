"""
A process in a file system of its own, as a container has one: volumes at their places, and nothing else to write to.

Programs are this machine's, with the Python and the sources that the tests run with: tests/image/ has the image's. What
else is not as in a container: its user is ours, though without capabilities, and it sees all processes.
"""

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
_ITS_OWN = ("/dev", "/etc", "/lost+found", "/proc", "/run", "/sys", "/tmp", "/var")  # noqa: S108 - of a container
_OF_ETC = (
    *("alternatives", "group", "hosts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types"),
    *("nsswitch.conf", "passwd", "ssl"),
)
_BIND = """
bind() {
  if [ -L "$1" ]; then cp -P "$1" "$2"; return; fi
  if [ -d "$1" ]; then mkdir -p "$2"; else mkdir -p "$(dirname "$2")"; : > "$2"; fi
  mount --rbind "$1" "$2"
}
"""


def in_container(
    folder: Path, mounts: Mapping[str, Path], resolver: Path, sysctls: Mapping[str, str], *, read_only: bool
) -> list[str]:
    """
    What a command stands behind to run there, within a network's namespace.

    `folder` is empty; `mounts`: what is to be found where; `sysctls` are those of a network. With `read_only` nothing
    can be written to but what is mounted.
    """
    lines = [_BIND]
    for name, value in sysctls.items():
        lines.append(f"echo {shlex.quote(value)} > /proc/sys/{name.replace('.', '/')}")
    lines.append(f"root={shlex.quote(str(folder))}")
    lines.append('mount -t tmpfs -o mode=755,nosuid tmpfs "$root"')
    lines.append('mkdir "$root/etc"')
    shown = [f"/{name}" for name in os.listdir("/") if f"/{name}" not in _ITS_OWN]  # noqa: PTH208 - names are wanted
    shown += ["/dev", "/proc", "/sys", *(f"/etc/{name}" for name in _OF_ETC if os.path.lexists(f"/etc/{name}"))]
    lines += [f'bind {shlex.quote(path)} "$root"{shlex.quote(path)}' for path in shown]
    lines.append(f'bind {shlex.quote(str(resolver))} "$root/etc/resolv.conf"')
    lines += [f'bind {shlex.quote(str(mounts[place]))} "$root"{shlex.quote(place)}' for place in sorted(mounts)]
    # Where the sources and their Python lie in a folder that is its own.
    for path in _programs():
        lines.append(f'[ -e "$root"{shlex.quote(path)} ] || bind {shlex.quote(path)} "$root"{shlex.quote(path)}')
    if read_only:
        lines.append('mount -o remount,ro "$root"')
    lines.append('exec chroot "$root" setpriv --no-new-privs --inh-caps=-all --bounding-set=-all "$@"')
    return ["sh", "-ec", "\n".join(lines), "container"]


def _programs() -> Sequence[str]:
    found = [str(ROOT), sys.prefix, sys.base_prefix, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return [path for path in dict.fromkeys(found) if Path(path).is_dir()]
