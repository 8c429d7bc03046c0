"""How long to wait before the next try."""

import random

_CHANCE = random.SystemRandom()
MOST_ASKED_S = 300.0
"""A server that asks for more patience than this is asked again all the same."""


class Backoff:
    """Longer with every time, by chance a little less: many that failed together do not come back together."""

    def __init__(self, first_s: float, longest_s: float) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._times = 0

    def next_s(self, asked_s: float = 0.0) -> float:
        """Seconds, never less than were asked for (up to `MOST_ASKED_S`)."""
        whole_s = min(self._first_s * 2.0 ** min(self._times, 32), self._longest_s)
        self._times += 1
        return max(whole_s * _CHANCE.uniform(0.5, 1.0), min(asked_s, MOST_ASKED_S))

    def reset(self) -> None:
        """It went well."""
        self._times = 0
