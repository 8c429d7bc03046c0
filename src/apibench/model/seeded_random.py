"""A `random.Random` that begins anew for each iteration, and costs next to nothing to do so."""

import os
from random import Random
from typing import Any, NoReturn

from apibench._engine import RandomBits


class SeededRandom(Random):
    """
    Draws by all methods of `random.Random`, out of a stream of the engine's: Python's own takes as long to seed as it
    takes to send a request.
    """

    def __init__(self, seed: bytes) -> None:
        """`seed`: of any length."""
        self._bits = RandomBits()
        # Those that all other methods draw by.
        self.random = self._bits.random  # type: ignore[method-assign]
        self.getrandbits = self._bits.getrandbits  # type: ignore[method-assign]
        super().__init__(seed)

    def seed(self, a: Any = None, version: int = 2) -> None:
        """Begin anew: by bytes, by any value whose `repr` tells it apart, or without one by what nobody knows."""
        del version
        self._bits.seed(a if isinstance(a, bytes) else os.urandom(16) if a is None else repr(a).encode())
        self.gauss_next = None

    def getstate(self) -> NoReturn:
        """Raises NotImplementedError: begin anew by a seed."""
        raise NotImplementedError

    def setstate(self, state: Any) -> NoReturn:
        """Raises NotImplementedError: begin anew by a seed."""
        raise NotImplementedError
