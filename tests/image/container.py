"""
Processes in the file system of an image, as a container engine would have them.

Nothing of it can be written, and they may do what a user without rights may do.
"""

from pathlib import Path

USER = 10001
PYTHON = "/usr/bin/python3.11"
DATA = "/var/lib/apibench"
_MOUNTS = f"""
root=$1 data=$2
shift 2
mount --bind "$root" "$root"
mount -o remount,bind,ro,nosuid,nodev "$root"
mount --bind "$data" "$root{DATA}"
mount -t tmpfs -o mode=1777,nosuid tmpfs "$root/tmp"
mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
for device in null zero random urandom; do
  : > "$root/dev/$device"
  mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t proc -o nosuid,noexec proc "$root/proc"
mount --rbind /sys "$root/sys"
exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-sys_admin,-net_raw \\
  chroot --userspec={USER}:{USER} "$root" "$@"
"""


def in_container(root: Path, data: Path) -> list[str]:
    """What a command stands behind to run there; `data` is what it may write to."""
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", _MOUNTS, "container", str(root), str(data)]
