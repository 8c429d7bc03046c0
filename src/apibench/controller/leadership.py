"""
Which controller leads. Only one does, and only it gives leases and starts runs.

A leader that cannot reach the database goes on for a while, because a database that is gone for a minute must not stop
a load; it writes nothing meanwhile. Whoever takes over does not know whether the one before is still giving leases, so
it waits for as long as that one may, before it holds a worker for silent that it has not heard of.
"""

import logging
import time
from collections.abc import Callable

from apibench.model.errors import StoreFailed
from apibench.model.installation import Leadership
from apibench.store.control import ControlStore

logger = logging.getLogger(__name__)
LEASE_S = 4.0
"""So short that a worker, whose own lease is 10 s, finds the next leader well before that one has run out."""
RENEW_S = 1.0
GRACE_S = 75.0
"""How long a leader goes on without the database: longer than a fail-over of one takes."""


class Leader:
    """Whether this controller leads."""

    def __init__(
        self,
        store: ControlStore,
        holder: str,
        *,
        is_gone: Callable[[str], bool] = lambda _: False,
        wall_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`is_gone`: whether a holder is known to have ended, so that it gives no leases any more."""
        self._store = store
        self._holder = holder
        self._is_gone = is_gone
        self._wall_s = wall_s
        self._monotonic_s = monotonic_s
        self._renewed_s: float | None = None
        self.term = 0
        self.other = ""
        """Who leads instead; empty where nobody is known to."""
        self.grace_s = 0.0
        """When the term began: for how long the one before may still have been giving leases."""

    @property
    def leads(self) -> bool:
        """Whether this one may give leases and start runs now."""
        return self._renewed_s is not None and self._monotonic_s() < self._renewed_s + GRACE_S

    async def renew(self) -> bool:
        """Become or stay the leader, if nobody else is; whether a new term has begun with this call."""
        asked_s = self._monotonic_s()
        try:
            leadership: Leadership = await self._store.lead(self._holder, self._wall_s(), LEASE_S)
        except StoreFailed as error:
            logger.warning("leadership cannot be renewed: %s", error)
            return False
        if leadership.holder != self._holder:
            self._renewed_s, self.other = None, leadership.holder
            return False
        begun = leadership.term != self.term or self._renewed_s is None
        if begun:
            self.grace_s = self._grace_s(leadership)
        self._renewed_s, self.term, self.other = asked_s, leadership.term, ""
        return begun

    def _grace_s(self, leadership: Leadership) -> float:
        if not leadership.before or self._is_gone(leadership.before):
            return 0.0
        # It renewed for the last time one lease before its lease ran out.
        return max(leadership.before_until_s - LEASE_S + GRACE_S - self._wall_s(), 0.0)

    def lose(self) -> None:
        """It was found that somebody else leads."""
        self._renewed_s = None

    async def resign(self) -> None:
        """Lead no more."""
        led, self._renewed_s = self._renewed_s is not None, None
        if led:
            try:
                await self._store.resign(self._holder)
            except StoreFailed as error:
                logger.info("nobody was told that this controller leads no more: %s", error)
