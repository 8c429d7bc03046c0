"""Prints a result for people, as wide and as colourful as the terminal is."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from apibench.assembly.run_request import Summary
from apibench.report.summary import summary


def print_summary(
    document: Mapping[str, Any],
    form: Summary,
    *,
    written: Sequence[str] = (),
    stored: bool | None = None,
) -> None:
    """Print the last screen of a result document to standard output; the words are those of `summary`."""
    console = Console(highlight=False, soft_wrap=True)
    screen = summary(
        document,
        form,
        written=list(written),
        width=console.width,
        encoding=console.encoding,
        stored=stored,
    )
    console.print(screen, end="")
