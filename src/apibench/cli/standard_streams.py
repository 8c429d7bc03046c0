"""
Standard output and standard error that somebody may have closed, or that lead to a full disk.

Standard error is where a run is talked about: that nobody hears it must never end the run. Standard output holds a
result: that it is lost is said, by an error of ours, and only by the first of the many writes that would fail.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO, cast

from apibench.model.errors import OutputFailed


class _Stream:
    """A text stream that is asked no more once it has failed."""

    def __init__(self, stream: TextIO, *, told: bool) -> None:
        self._stream = stream
        self._told = told
        self._lost = False

    def write(self, text: str) -> int:
        """Write text; what comes after a failure is dropped."""
        try:
            return len(text) if self._lost else self._stream.write(text)
        except (OSError, ValueError) as error:
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Hand what was written to the kernel."""
        try:
            if not self._lost:
                self._stream.flush()
        except (OSError, ValueError) as error:
            self._lose(error)

    def __getattr__(self, name: str) -> Any:
        """Everything else as the stream has it: its encoding, its descriptor, whether it is a terminal."""
        return getattr(self._stream, name)

    def _lose(self, error: Exception) -> None:
        self._lost = True
        # What its buffer still holds would fail once more when the interpreter ends; without a descriptor it can't.
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
        if self._told:
            reason = getattr(error, "strerror", None) or str(error)
            raise OutputFailed(
                f"cannot write to standard output: {reason.lower()}", "Use -o KIND=FILE, or see apibench show last."
            )


@contextmanager
def sturdy_streams() -> Iterator[None]:
    """Put such streams in the place of the interpreter's. Raises OutputFailed at a loss of standard output."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            # The process was started without it, and no socket may get the number that others write to blindly.
            os.open(os.devnull, os.O_RDWR)
    before = sys.stdout, sys.stderr
    output, error = (stream or Path(os.devnull).open("w") for stream in before)  # noqa: SIM115 - kept to the end
    sys.stdout = cast("TextIO", _Stream(output, told=True))
    sys.stderr = cast("TextIO", _Stream(error, told=False))
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stderr.flush()
        sys.stdout, sys.stderr = before
