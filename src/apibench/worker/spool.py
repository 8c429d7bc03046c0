"""
What a worker has measured and nobody has confirmed yet, on disk.

A batch is written before it is pushed, and taken off only when an aggregator needs it no longer: all that is made of it
is in the database. So a worker that dies loses at most the second that was not sealed and the one before it, which is
held back until it is known whether it is the last; and a database that is gone for a while costs nothing. Files are cut
at some size and deleted once everything in them is safe.

A record is: magic, number, length, CRC-32 of the rest, then the batch's facts as JSON and its counts. A tail that was
cut off in the middle of a record is left out when the spool is read again: it was never numbered by anybody else.
"""

import contextlib
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import astuple
from itertools import pairwise, takewhile
from pathlib import Path

from apibench.model.batch import BatchRange, IntervalBatch
from apibench.model.errors import StoreFailed
from apibench.model.host_sample import HostSample

_HEADER = struct.Struct("<4sQIII")
"""Magic, number, length of the facts, length of the counts, checksum of both."""
_MAGIC = b"abs1"
FILE_BYTES = 4 * 1024 * 1024
"""Of a file that is read through for some batches of it, by a process that has other things to do."""
_SUFFIX = ".spool"
_RESULTS = "results"
"""The file that says where the batches are to go."""


class Spool:
    """The batches of one segment."""

    def __init__(self, folder: Path, run_id: str, segment: int, results: str = "") -> None:
        self._folder = folder / f"{run_id}.{segment}"
        self._path: Path | None = None
        self._size = 0
        with _guarded(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if results:
                (self._folder / _RESULTS).write_text(results, encoding="utf-8")

    def append(self, batch: IntervalBatch) -> None:
        """Write a batch down. Raises StoreFailed where the disk will not have it."""
        facts = json.dumps(
            {
                "run_id": batch.run_id,
                "segment": batch.segment,
                "worker_id": batch.worker_id,
                "checksum": batch.checksum,
                "final": batch.final,
                "host": astuple(batch.host),
            }
        ).encode()
        checksum = zlib.crc32(batch.counts, zlib.crc32(facts))
        record = _HEADER.pack(_MAGIC, batch.number, len(facts), len(batch.counts), checksum) + facts + batch.counts
        with _guarded(self._folder):
            if self._path is None or self._size + len(record) > FILE_BYTES:
                self._path, self._size = self._folder / f"{batch.number:012d}{_SUFFIX}", 0
            # Opened each time: once a second, and a spool that is left alone holds no descriptor.
            path, self._path = self._path, None
            with path.open("ab") as file:
                file.write(record)
            # Only now: behind half a record nothing would be found again, so the next one begins another file.
            self._path = path
            self._size += len(record)

    def since(self, number: int) -> Iterator[IntervalBatch]:
        """Batches from that number on, in order."""
        paths = self._paths()
        for path, following in zip(paths, [*paths[1:], None], strict=True):
            if following is not None and _first(following) <= number:
                continue
            for batch in _read(path):
                if batch.number >= number:
                    yield batch

    def between(self, batches: BatchRange) -> list[IntervalBatch]:
        """Those of them that are there, in order."""
        return list(takewhile(lambda each: each.number < batches.until, self.since(batches.first)))

    def forget(self, below: int) -> None:
        """All batches below are safe: files that hold no others are deleted."""
        paths = self._paths()
        for path, following in pairwise(paths):
            if _first(following) <= below:
                path.unlink(missing_ok=True)

    def remove(self) -> None:
        """Everything is safe."""
        for path in [*self._paths(), self._folder / _RESULTS]:
            path.unlink(missing_ok=True)
        # Unless somebody has put something of their own there.
        with contextlib.suppress(OSError):
            self._folder.rmdir()

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob(f"*{_SUFFIX}"))


def left_behind(folder: Path) -> list[tuple[str, int, str]]:
    """Runs and segments of which something is still in the spool, and where it is to go."""
    found = []
    for path in sorted(folder.glob("*.*")) if folder.is_dir() else ():
        run_id, _, segment = path.name.rpartition(".")
        if path.is_dir() and run_id and segment.isdigit() and any(path.glob(f"*{_SUFFIX}")):
            results = path / _RESULTS
            found.append((run_id, int(segment), results.read_text(encoding="utf-8") if results.exists() else ""))
    return found


def _first(path: Path) -> int:
    return int(path.name.removesuffix(_SUFFIX))


def _read(path: Path) -> Iterator[IntervalBatch]:
    with path.open("rb") as file:
        while header := file.read(_HEADER.size):
            if len(header) < _HEADER.size:
                return
            magic, number, facts_bytes, counts_bytes, checksum = _HEADER.unpack(header)
            if magic != _MAGIC:
                return
            facts, counts = file.read(facts_bytes), file.read(counts_bytes)
            if len(counts) < counts_bytes or zlib.crc32(counts, zlib.crc32(facts)) != checksum:
                return
            told = json.loads(facts)
            yield IntervalBatch(
                told["run_id"],
                told["segment"],
                told["worker_id"],
                number,
                counts,
                told["checksum"],
                HostSample(*told["host"]),
                final=told["final"],
            )


@contextlib.contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreFailed(
            f"the spool in {folder} cannot be written: {error.strerror}", "Free the disk, or name another folder."
        ) from error
