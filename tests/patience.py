"""Waiting for what other processes do."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable

import pytest

PATIENCE_S = 60.0


class Patient(ABC):
    """Whoever waits, and knows what was said meanwhile."""

    @abstractmethod
    def said(self) -> str:
        """The ends of all logs."""

    def until(self, what: str, holds: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + patience_s
        while not holds():
            if time.monotonic() > deadline:
                pytest.fail(f"{what}: not within {patience_s:g} s\n{self.said()}")
            time.sleep(0.05)
