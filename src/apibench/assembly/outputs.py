"""
The files, and the stream, that a run is written to because its user asked for them.

What comes as lines is written as the run goes on, so that a crash leaves the lines of all finished seconds; the others
are made of the whole document and are written when it is over. One that is lost is told and costs nothing else.
"""

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from apibench.assembly.run_request import OutputTarget
from apibench.model.errors import OutputFailed
from apibench.report.outputs import render
from apibench.report.outputs.json import interval_line, result_line

STREAMED = ("ndjson",)


class Outputs:
    """What a run is written to."""

    def __init__(self, targets: Sequence[OutputTarget]) -> None:
        self.written: list[str] = []
        """Paths of the files that hold what they should, once it is over."""
        self.lost = False
        """Whether one that was asked for could not be written."""
        self._streamed = [target for target in targets if target.kind in STREAMED]
        self._whole = [target for target in targets if target.kind not in STREAMED]
        self._open: dict[str, TextIO] = {}

    @property
    def takes_standard_output(self) -> bool:
        """Whether standard output holds one of them, and then nothing else."""
        return any(target.path == "-" for target in (*self._streamed, *self._whole))

    @property
    def streams_to_a_terminal(self) -> bool:
        """Whether lines come on a terminal while it goes on: a block that is redrawn there would tear them."""
        return any(target.path == "-" for target in self._streamed) and sys.stdout.isatty()

    def begin(self) -> None:
        """The run begins."""
        for target in self._streamed:
            if target.path == "-":
                self._open[target.path] = sys.stdout
                continue
            try:
                self._open[target.path] = Path(target.path).open("w", encoding="utf-8")  # noqa: SIM115 - until `finish`
            except OSError as error:
                self._lose(target.path, error)

    @property
    def streams(self) -> bool:
        """Whether one of them wants its rows as the run goes on."""
        return bool(self._open)

    def append(self, row: Mapping[str, Any]) -> None:
        """A second was sealed: its row, as the document will have it."""
        if self._open:
            self._stream(interval_line(row))

    def finish(self, document: Mapping[str, Any]) -> None:
        """The run is over. Files come first: standard output may have nobody at its end."""
        if self._open:
            self._stream(result_line(document))
        for path, file in list(self._open.items()):
            if path != "-":
                self._close(path, file)
        self._open.clear()
        for target in sorted(self._whole, key=lambda target: target.path == "-"):
            self._write(target, document)

    def _stream(self, line: str) -> None:
        for path, file in list(self._open.items()):
            try:
                file.write(line)
                # Each line by itself: a crash leaves whole ones.
                file.flush()
            except (OSError, OutputFailed) as error:
                del self._open[path]
                self._lose(path, error)
                if path != "-":
                    with suppress(OSError):  # what its buffer holds fails once more
                        file.close()

    def _close(self, path: str, file: TextIO) -> None:
        try:
            file.close()
        except OSError as error:
            self._lose(path, error)
        else:
            self.written.append(path)

    def _write(self, target: OutputTarget, document: Mapping[str, Any]) -> None:
        text = render(target.kind, document)
        try:
            if target.path == "-":
                sys.stdout.write(text)
                sys.stdout.flush()
            else:
                Path(target.path).write_text(text, encoding="utf-8")
                self.written.append(target.path)
        except (OSError, OutputFailed) as error:
            self._lose(target.path, error)

    def _lose(self, path: str, error: OSError | OutputFailed) -> None:
        """The figures are in hand, and what else was asked for is still written."""
        self.lost = True
        if isinstance(error, OutputFailed):
            sys.stderr.write(f"apibench: {error}\n")
        else:
            sys.stderr.write(f"apibench: cannot write {path}: {(error.strerror or str(error)).lower()}\n")
