"""A queue between two ends of a link: bounded, in order, and either end may close it for a reason."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

from apibench.model.errors import ApibenchError, LinkLost

T = TypeVar("T")


class Mailbox(Generic[T]):
    """What was put in before it was closed is still taken out; after that both ends hear the reason."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._items: deque[T] = deque()
        self._reason: ApibenchError | None = None
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()

    def __len__(self) -> int:
        return len(self._items)

    @property
    def closed(self) -> bool:
        """Whether nothing more goes in."""
        return self._reason is not None

    def post(self, item: T) -> bool:
        """Put something in without waiting; whether there was room. Raises why it was closed."""
        self._raise_if_closed()
        if len(self._items) >= self._room:
            return False
        self._items.append(item)
        self._filled.set()
        return True

    async def put(self, item: T) -> None:
        """Put something in as soon as there is room. Raises why it was closed."""
        while not self.post(item):
            self._emptied.clear()
            await self._emptied.wait()

    async def take(self) -> T:
        """The next thing, as soon as there is one. Raises why it was closed, once it is empty."""
        while not self._items:
            self._raise_if_closed()
            self._filled.clear()
            await self._filled.wait()
        self._emptied.set()
        return self._items.popleft()

    def close(self, reason: ApibenchError) -> None:
        """Nothing more goes in. The first reason stays."""
        self._reason = self._reason or reason
        self._filled.set()
        self._emptied.set()

    def _raise_if_closed(self) -> None:
        if self._reason is not None:
            # A new one each time: an exception that is raised twice has the story of both in its traceback.
            raise type(self._reason)(self._reason.message, self._reason.hint)


def lost(what: str) -> LinkLost:
    """A link is broken: what happened, in words."""
    return LinkLost(what, "Is the other service running, and the network between whole?")
