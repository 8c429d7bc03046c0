"""What was freed between things that stay goes back to the kernel."""

import asyncio
import os
import platform
from contextlib import suppress
from pathlib import Path

import pytest

from apibench.assembly.returned_memory import return_memory

PIECES, PIECE = 25_000, 4_000


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="no other C library has a word for it")
def test_holes_between_what_stays_are_given_back() -> None:
    pieces = [bytes(PIECE) for _ in range(PIECES)]
    kept = pieces[:: PIECES // 1_000]
    before = resident_bytes()
    del pieces
    # Nothing at the heap's end is free, so by itself the library gives nothing back.
    assert resident_bytes() > before - PIECES * PIECE // 4
    with suppress(TimeoutError):
        asyncio.run(asyncio.wait_for(return_memory(0.01), 0.5))
    assert resident_bytes() < before - PIECES * PIECE // 2
    assert len(kept) == 1_000
