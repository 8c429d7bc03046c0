"""What tests of links share."""

import asyncio

PATIENCE_S = 20
"""No speed is asserted: it only keeps a broken link from hanging the suite."""


async def admit_all(token: str, role: str) -> None:
    """Whoever presents the token of these tests."""
    assert (token, role) == ("of a worker", "worker")


async def soon(event: asyncio.Event) -> None:
    """Wait for what has to come."""
    await asyncio.wait_for(event.wait(), PATIENCE_S)
