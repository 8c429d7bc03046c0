"""
When a batch was and what became of its iterations, read off its bytes without decoding anything else of it.

A thousand batches come a second, and of each only these few numbers are needed one by one; its histograms are merged
in Rust. `proto/apibench/v1/interval.proto` is the layout: fields that are not known here are passed over.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from apibench.model.interval import Phase

_START_NS, _END_NS, _SCENARIOS = 1, 2, 4
_PHASES: Mapping[int, Phase] = {1: "warmup", 2: "main"}
_SCENARIO, _PHASE, _OFFERED, _STARTED, _WAITING = 1, 2, 3, 4, 12
_ENDED = (5, 6, 7)
"""ok, failed, unfinished."""
_FIXED = {1: 8, 5: 4}
_VARINT, _BYTES = 0, 2

Key = tuple[int, Phase]
"""A scenario's place in the plan, and the phase."""


@dataclass(frozen=True, slots=True)
class IterationCounts:
    """Of one scenario and phase."""

    offered: int = 0
    started: int = 0
    ended: int = 0
    """ok, failed or unfinished."""
    waiting: int = 0
    """At the end."""

    @property
    def in_flight(self) -> int:
        """Of cumulated counts: how many go on."""
        return self.started - self.ended

    def then(self, later: "IterationCounts") -> "IterationCounts":
        """Both, one after the other."""
        return IterationCounts(
            self.offered + later.offered, self.started + later.started, self.ended + later.ended, later.waiting
        )


def iterations_of(counts: bytes) -> tuple[int, int, dict[Key, IterationCounts]]:
    """What a batch's bytes say: its beginning, its end, its iterations. Raises ValueError for what is no interval."""
    found: dict[Key, IterationCounts] = {}
    start_ns = end_ns = 0
    for number, value in _fields(counts):
        if number == _START_NS and isinstance(value, int):
            start_ns = value
        elif number == _END_NS and isinstance(value, int):
            end_ns = value
        elif number == _SCENARIOS and isinstance(value, bytes):
            figures = {field: each for field, each in _fields(value) if isinstance(each, int)}
            phase = _PHASES.get(figures.get(_PHASE, 0))
            if phase is None:
                message = "iterations of no phase"
                raise ValueError(message)
            found[figures.get(_SCENARIO, 0), phase] = IterationCounts(
                figures.get(_OFFERED, 0),
                figures.get(_STARTED, 0),
                sum(figures.get(field, 0) for field in _ENDED),
                figures.get(_WAITING, 0),
            )
    return start_ns, end_ns, found


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        kind = tag & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield tag >> 3, value
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in _FIXED:
            length = _FIXED[kind]
        else:
            message = "a field of no kind that there is"
            raise ValueError(message)
        if at + length > len(data):
            message = "cut off"
            raise ValueError(message)
        if kind == _BYTES:
            yield tag >> 3, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            break
    message = "a number without an end"
    raise ValueError(message)
