"""A queue with bounded room that either end may close."""

import asyncio

import pytest

from apibench.model.errors import LinkLost, Refused
from apibench.wire.mailbox import Mailbox, lost

pytestmark = pytest.mark.asyncio


async def test_without_room_nothing_is_posted_and_who_puts_waits() -> None:
    box: Mailbox[int] = Mailbox(2)
    assert [box.post(number) for number in range(3)] == [True, True, False]
    putting = asyncio.create_task(box.put(2))
    await asyncio.sleep(0)
    assert not putting.done()
    assert [await box.take() for _ in range(3)] == [0, 1, 2]
    await putting


async def test_what_was_put_in_before_the_end_is_taken_and_then_the_first_reason() -> None:
    box: Mailbox[int] = Mailbox(2)
    box.post(1)
    box.close(lost("the first"))
    box.close(Refused("the second", ""))
    assert await box.take() == 1
    for _ in range(2):
        with pytest.raises(LinkLost, match="the first"):
            await box.take()
    with pytest.raises(LinkLost, match="the first"):
        box.post(2)


async def test_the_end_wakes_everybody_who_waits() -> None:
    empty: Mailbox[int] = Mailbox(1)
    full: Mailbox[int] = Mailbox(1)
    full.post(0)
    waiting = [asyncio.create_task(each) for each in (empty.take(), empty.take(), full.put(1), full.put(2))]
    await asyncio.sleep(0)
    empty.close(lost("over"))
    full.close(lost("over"))
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(end) for end in ends] == [LinkLost] * 4


async def test_who_gives_up_waiting_takes_nothing_away() -> None:
    box: Mailbox[int] = Mailbox(1)
    waiting = asyncio.create_task(box.take())
    await asyncio.sleep(0)
    waiting.cancel()
    box.post(5)
    await asyncio.gather(waiting, return_exceptions=True)
    assert await box.take() == 5
