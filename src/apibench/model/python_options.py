"""How functions of Python are called on a machine."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PythonOptions:
    """What a user may say of the processes that call them."""

    processes: int | None = None
    """So many; None for as many as processors."""
    timeout_ns: int = 10_000_000_000
    """A call that takes longer has its process ended."""
    memory_bytes: int = 1 << 30
    """A process that has more is replaced behind its present calls; one that has twice as much is ended."""
