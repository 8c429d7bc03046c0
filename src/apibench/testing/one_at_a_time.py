"""Loads of one user on one machine, one behind the other: two at once would spoil each other's figures."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait for the other processes' loads, and have them wait. The kernel lets go of it for a process that dies."""
    path = Path(tempfile.gettempdir()) / f"apibench-load-{os.getuid()}.lock"
    # Not through a link that somebody else has put there.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
