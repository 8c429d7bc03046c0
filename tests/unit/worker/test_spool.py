"""What a worker has measured, on disk: all of it comes back, whatever the disk did to the last record."""

import zlib
from pathlib import Path
from typing import Any

import pytest

from apibench.model.batch import BatchRange, IntervalBatch
from apibench.model.errors import LinkLost, StoreFailed
from apibench.model.host_sample import HostSample
from apibench.wire.seam import IntervalSession
from apibench.worker import spool as spool_module
from apibench.worker.delivery import Delivery
from apibench.worker.spool import Spool, left_behind

HOST = HostSample(1, 2, 3, 4)


def batch(number: int, *, final: bool = False, size: int = 100) -> IntervalBatch:
    counts = bytes([number % 256]) * size
    return IntervalBatch("r1", 0, "w", number, counts, zlib.crc32(counts), HOST, final=final)


def numbers(spool: Spool, since: int = 0) -> list[int]:
    return [each.number for each in spool.since(since)]


class Nobody:
    """A way that leads nowhere."""

    async def open(self) -> IntervalSession:
        raise LinkLost("nobody is there", "Wait.")


@pytest.fixture
def _small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "FILE_BYTES", 300)


@pytest.mark.usefixtures("_small_files")
def test_what_was_written_comes_back_as_it_was_over_several_files(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "r1", 0, "a:1")
    batches = [batch(number, final=number == 9) for number in range(10)]
    for each in batches:
        spool.append(each)
    assert list(Spool(tmp_path, "r1", 0).since(0)) == batches
    assert numbers(spool, 7) == [7, 8, 9]
    assert spool.between(BatchRange(3, 8)) == batches[3:8]
    assert left_behind(tmp_path) == [("r1", 0, "a:1")]
    assert len(list(tmp_path.rglob("*.spool"))) > 1


@pytest.mark.usefixtures("_small_files")
def test_files_are_deleted_once_all_in_them_is_safe(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "r1", 0)
    for number in range(10):
        spool.append(batch(number))
    files = len(list(tmp_path.rglob("*.spool")))
    spool.forget(9)
    assert len(list(tmp_path.rglob("*.spool"))) < files
    assert numbers(spool)[-1] == 9
    spool.remove()
    assert left_behind(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [1, 30, 100, 200])
def test_a_record_that_was_cut_off_is_left_out_and_those_before_it_are_not(tmp_path: Path, cut: int) -> None:
    spool = Spool(tmp_path, "r1", 0)
    for number in range(3):
        spool.append(batch(number))
    (path,) = tmp_path.rglob("*.spool")
    path.write_bytes(path.read_bytes()[:-cut])
    assert numbers(Spool(tmp_path, "r1", 0)) == [0, 1]


def test_behind_a_disk_that_was_full_everything_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = Spool(tmp_path, "r1", 0)
    spool.append(batch(0))
    opened = Path.open

    def half(self: Path, *words: Any, **options: Any) -> Any:
        with opened(self, *words, **options) as file:
            file.write(b"abs1 and no more")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", half)
        with pytest.raises(StoreFailed, match="spool"):
            spool.append(batch(1))
    spool.append(batch(2))
    spool.append(batch(3))
    assert numbers(Spool(tmp_path, "r1", 0)) == [0, 2, 3]
    # Without what lies between nobody takes the rest, and nobody is asked to for ever.
    delivery = Delivery.left_behind(tmp_path, "r1", 0, "w", Nobody())
    assert delivery.sealed == 1


def test_a_foreign_folder_is_told_by_name(tmp_path: Path) -> None:
    (tmp_path / "r1.0").write_text("no folder")
    with pytest.raises(StoreFailed, match="cannot be written"):
        Spool(tmp_path, "r1", 0)
