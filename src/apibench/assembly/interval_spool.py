"""
The seconds of a run that goes on, on disk: for the document at its end, and out of memory until then.

In a file without a name, so that nothing is left of it whatever becomes of the process.
"""

import tempfile
from collections.abc import Iterator

from apibench.model.counts import IntervalCounts

_LENGTH_BYTES = 4


class IntervalSpool:
    """Takes counts, and gives them back in order as often as they are asked for."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the run
        self._end = 0
        self._written = 0
        self._kept: list[bytes] = []
        """What the disk would not have."""

    def append(self, counts: IntervalCounts) -> None:
        """The next ones. A disk that is full costs memory, and not the run."""
        data = counts.to_wire()
        if not self._kept:
            try:
                self._file.seek(self._end)
                self._file.write(len(data).to_bytes(_LENGTH_BYTES, "big") + data)
                self._file.flush()
            except OSError:
                pass
            else:
                self._end = self._file.tell()
                self._written += 1
                return
        self._kept.append(data)

    def close(self) -> None:
        """Forget them."""
        self._file.close()

    def __iter__(self) -> Iterator[IntervalCounts]:
        self._file.seek(0)
        for _ in range(self._written):
            length = int.from_bytes(self._file.read(_LENGTH_BYTES), "big")
            yield IntervalCounts.from_wire(self._file.read(length))
        for data in self._kept:
            yield IntervalCounts.from_wire(data)
