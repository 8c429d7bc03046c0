"""Carrying out a load: who is told what, and when."""

from types import SimpleNamespace
from typing import cast

from apibench.engine.seam import RunningLoad
from apibench.worker.carrying_out import carry_out


class Load:
    """Seals nothing, and ends when it is stopped."""

    barrier_ns = 0

    def __init__(self) -> None:
        self.ended = False
        self.told: list[str] = []

    def next_counts(self, _patience_ms: int) -> None:
        self.told.append("asked")

    def stop(self) -> None:
        self.told.append("stopped")
        self.ended = True


def test_a_stop_is_noted_with_its_moment_right_when_it_is_made() -> None:
    load = Load()
    stops = SimpleNamespace(asked=1)
    moments: list[int] = []

    def note(at_ns: int) -> None:
        moments.append(at_ns)
        load.told.append("noted")

    assert carry_out(cast("RunningLoad", load), stops, lambda _: True, lambda: load.told.append("tick"), note)
    assert load.told == ["asked", "stopped", "noted", "tick"]
    assert moments[0] > 0
