"""What a user asks for, beside the plan: how this process is to run it and what it is to say."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from apibench.model.errors import NotBuilt, UsageError
from apibench.model.plan import Plan
from apibench.model.suggestion import did_you_mean

Summary = Literal["compact", "full", "none"]
Progress = Literal["auto", "tty", "plain", "json", "none"]
OutputKind = Literal["json", "ndjson", "csv", "hgrm", "junit"]
OUTPUTS: tuple[OutputKind, ...] = ("json", "ndjson", "csv", "hgrm", "junit")
LATER_OUTPUTS = ("html", "github", "hlog")


@dataclass(frozen=True, slots=True)
class OutputTarget:
    """A file to write when the run is over."""

    kind: OutputKind
    path: str
    """`-` is standard output, which then holds nothing else."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run on this machine."""

    plan: Plan
    threads: int | None = None
    """None: chosen by the processors, the quota and where the target is."""
    spin: Literal["auto", "on", "off"] = "auto"
    outputs: tuple[OutputTarget, ...] = ()
    summary: Summary = "compact"
    progress: Progress = "auto"
    store: bool = True
    preflight: bool = True
    wait_for_target_ns: int = 0
    """How long to go on trying to reach the target before the run."""
    tags: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False
    """Print the plan and send nothing."""


def output_target(text: str) -> OutputTarget:
    """`KIND=FILE` or `KIND` alone. Raises UsageError for an unknown kind and for a place that can't be written to."""
    kind, _, path = text.partition("=")
    if kind in LATER_OUTPUTS:
        raise NotBuilt(f"{kind} is not built yet", f"There are {', '.join(OUTPUTS)}.")
    for known in OUTPUTS:
        if kind == known:
            parent = Path(path or ".").parent
            if path not in ("", "-") and not (parent.is_dir() and os.access(parent, os.W_OK)):
                raise UsageError(f"{parent} is no folder to write {path} into", "Make it first, or name another.")
            return OutputTarget(known, path or f"apibench.{known}")
    raise UsageError(f"there is no output '{kind}'", did_you_mean(kind, OUTPUTS))
