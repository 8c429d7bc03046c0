"""The parts of a run between changes of its rates, and which rate each had."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from apibench.aggregator.windows import Grid
from apibench.model.ledger import Ledger


@dataclass(frozen=True, slots=True)
class Span:
    """A part. Its ends are boundaries of windows."""

    revision: int
    name: str
    effective_ns: int
    from_ns: int
    to_ns: int


def spans(ledger: Ledger, grid: Grid, end_ns: int) -> Sequence[Span]:
    """All of them, in order; none where no rate ever changed. A change within a window counts from the next one on."""
    changes = [revision for revision in ledger.revisions if revision.rates]
    if not changes:
        return ()
    begins = [(0, "as planned", 0), *((each.number, each.reason, each.effective_ns) for each in changes)]
    return tuple(_spans(begins, grid, end_ns))


def _spans(begins: Sequence[tuple[int, str, int]], grid: Grid, end_ns: int) -> Iterator[Span]:
    for place, (revision, name, effective_ns) in enumerate(begins):
        next_ns = begins[place + 1][2] if place + 1 < len(begins) else end_ns
        from_ns, to_ns = _boundary(effective_ns, grid), min(_boundary(next_ns, grid), end_ns)
        # Two changes within one window leave nothing between them.
        if from_ns < to_ns:
            yield Span(revision, name or f"revision {revision}", effective_ns, from_ns, to_ns)


def _boundary(at_ns: int, grid: Grid) -> int:
    start_ns, end_ns = grid.window(at_ns)
    return start_ns if start_ns == at_ns else end_ns
