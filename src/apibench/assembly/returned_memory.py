"""
Memory that is free, returned to the kernel.

A C library keeps what it is given back, for what comes next. The seconds of a thousand workers come in all sizes and
go again between things that stay, so what is kept grows for as long as a run lasts, though no more is in use.
"""

import asyncio
import ctypes
from collections.abc import Callable

EVERY_S = 5.0

Return = Callable[[], object]


async def return_memory(every_s: float = EVERY_S) -> None:
    """Do so again and again, beside everything else."""
    trim = _of_library()
    while True:
        await asyncio.sleep(every_s)
        # It takes tens of milliseconds, in which only who allocates in the same heap has to wait.
        await asyncio.to_thread(trim)


def _of_library() -> Return:
    """GNU's looks at all of its heaps, in their middle too. Where the C library has no word for it, nothing is done."""
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except AttributeError:  # musl's
        return lambda: None
    return lambda: trim(0)
