"""What a user asks for, beside the plan: how this process is to run it and what it is to say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from apibench.model.plan import Plan

Summary = Literal["compact", "full", "none"]
Progress = Literal["auto", "tty", "plain", "json", "none"]
OutputKind = Literal["json", "ndjson", "csv", "hgrm", "junit"]


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
