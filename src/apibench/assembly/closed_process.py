"""Keeps the processes that run code of others from looking into this one, though they are of the same user."""

import ctypes
import os

from apibench.model.errors import UsageError

_PR_SET_DUMPABLE = 4
"""Of <linux/prctl.h>. What is not dumpable can't be traced, and its memory and environment can't be read in /proc."""


def close_to_others() -> None:
    """
    From here on only a process with the right to look into all (CAP_SYS_PTRACE or CAP_PERFMON, which root mostly has)
    sees inside. What this one starts is as open as ever.

    Raises UsageError where the kernel does not do it.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        reason = os.strerror(ctypes.get_errno()).lower()
        raise UsageError(
            f"--python-keys: this process can't be closed to those that run code of others: {reason}",
            "Leave it out, or run the worker on another machine.",
        )
