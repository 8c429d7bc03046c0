"""A SQLite file that lies on another host is refused before anything is made there."""

from pathlib import Path

import pytest

from apibench.model.errors import StoreFailed
from apibench.store import network_files
from apibench.store.connection import open_database
from apibench.store.network_files import kind_of

MOUNTS = """\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
31 27 0:41 / /home rw,relatime shared:7 - nfs4 server:/home rw,vers=4.2
32 31 0:42 / /home/ann/my\\040disk rw - xfs /dev/vdb rw
33 27 0:43 / /srv rw - ext4 /dev/vdc rw
34 27 0:44 / /srv rw - cifs //server/srv rw
a line that says nothing
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/store", "ext4"),
        ("/home/store", "nfs4"),
        ("/homes/store", "ext4"),
        ("/home/ann/my disk/store", "xfs"),
        ("/home/ann/my disks/store", "nfs4"),
        ("/srv/store", "cifs"),
    ],
)
def test_the_nearest_and_latest_mount_holds(path: str, kind: str) -> None:
    assert kind_of(Path(path), MOUNTS) == kind


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "ceph", "lustre"])
def test_a_file_on_another_host_is_refused_and_not_made(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 0:41 / {tmp_path}/far rw - {kind} server rw\n")
    monkeypatch.setattr(network_files, "_MOUNTS", mounts)
    with pytest.raises(StoreFailed, match=rf"network file system \({kind}\)"):
        open_database(f"sqlite:///{tmp_path}/far/new/store")
    assert not (tmp_path / "far").exists()
    open_database(f"sqlite:///{tmp_path}/near/store")
    assert (tmp_path / "near" / "store").exists()


def test_where_the_kernel_does_not_tell_a_file_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network_files, "_MOUNTS", tmp_path / "none")
    open_database(f"sqlite:///{tmp_path}/store")
    assert (tmp_path / "store").exists()
