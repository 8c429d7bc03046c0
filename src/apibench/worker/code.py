"""
Code that plans have called, as a worker sees it: it may be run here or not, and somebody calls it for a segment.

Nothing of a bundle is written down or run before `check` has found that whoever operates this worker trusts its signer.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from apibench.engine.seam import PythonProcess, RunningLoad
from apibench.model.control import Prepare
from apibench.model.errors import CodeRefused
from apibench.model.plan import Plan


class SegmentCalls(Protocol):
    """By whom functions of Python are called for one segment."""

    def streams(self) -> Sequence[PythonProcess]:
        """What its load is begun with."""
        ...

    def watch(self, load: RunningLoad) -> None:
        """The load has begun, and has copies of the streams."""
        ...

    def close(self, load: RunningLoad | None) -> None:
        """It is over, or never began: end the processes, and take all away that was written for them."""
        ...


class CodeHost(Protocol):
    """What runs code of others on this machine, or does not."""

    def check(self, asked: Prepare, plan: Plan) -> None:
        """
        Look whether what a plan has called may be run here; nothing of it is.

        Raises CodeRefused where it may not, BundleUnusable for what is not as it was signed.
        """
        ...

    def begin(
        self,
        asked: Prepare,
        plan: Plan,
        functions: Sequence[str],
        threads: int,
        is_given_up: Callable[[], bool],
    ) -> SegmentCalls:
        """
        Check it once more, and start the processes that are to call functions of those names, by their numbers.

        Raises what `check` does, and PythonUnusable where its files can't be loaded.
        """
        ...


class NoCode:
    """A CodeHost that runs none."""

    def check(self, asked: Prepare, plan: Plan) -> None:  # noqa: ARG002 - whatever it is
        """Raises CodeRefused."""
        raise _none_here()

    def begin(
        self,
        asked: Prepare,  # noqa: ARG002
        plan: Plan,  # noqa: ARG002
        functions: Sequence[str],  # noqa: ARG002
        threads: int,  # noqa: ARG002
        is_given_up: Callable[[], bool],  # noqa: ARG002
    ) -> SegmentCalls:
        """Raises CodeRefused."""
        raise _none_here()


def _none_here() -> CodeRefused:
    return CodeRefused(
        "the plan has functions of Python called, and this worker runs no code of others",
        "Its operator can name the keys that it trusts: --python-keys FILE.",
    )
