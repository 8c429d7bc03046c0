"""
The seconds of a run that goes on, on disk: for the document at its end, and out of memory until then.

In a file without a name, so that nothing is left of it whatever becomes of the process.
"""

import tempfile
from collections.abc import Collection, Iterator

from apibench.model.interval import Interval


class IntervalSpool(Collection[Interval]):
    """Takes intervals, and gives them back in order as often as they are asked for."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the run
        self._end = 0
        self._written = 0
        self._kept: list[str] = []
        """What the disk would not have."""

    def append(self, interval: Interval) -> None:
        """The next one. A disk that is full costs memory, and not the run."""
        if not self._kept:
            try:
                self._file.seek(self._end)
                self._file.write(f"{interval.text}\n".encode())
                self._file.flush()
            except OSError:
                pass
            else:
                self._end = self._file.tell()
                self._written += 1
                return
        self._kept.append(interval.text)

    def close(self) -> None:
        """Forget them."""
        self._file.close()

    def __len__(self) -> int:
        return self._written + len(self._kept)

    def __iter__(self) -> Iterator[Interval]:
        self._file.seek(0)
        for _ in range(self._written):
            yield Interval.from_json(self._file.readline().decode())
        for text in self._kept:
            yield Interval.from_json(text)

    def __contains__(self, interval: object) -> bool:
        return any(each == interval for each in self)
