"""What a user asks for, beside the plan: how this process is to run it and what it is to say."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from apibench.assembly.remote_request import RemoteRequest
from apibench.model.callee import Callee
from apibench.model.errors import NotBuilt, UsageError
from apibench.model.plan import Plan
from apibench.model.python_options import PythonOptions
from apibench.model.suggestion import did_you_mean

Summary = Literal["compact", "full", "none"]
Progress = Literal["auto", "tty", "plain", "json", "none"]
OutputKind = Literal["json", "ndjson", "csv", "hgrm", "junit"]
OUTPUTS: tuple[OutputKind, ...] = ("json", "ndjson", "csv", "hgrm", "junit")
LATER_OUTPUTS = ("html", "github", "hlog")


@dataclass(frozen=True, slots=True)
class OutputTarget:
    """A file to write: `ndjson` line by line as the run goes on, the others when it is over."""

    kind: OutputKind
    path: str
    """`-` is standard output, which then holds nothing else."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A run."""

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
    trace: bool = False
    """Tell what each iteration does, step by step, in place of figures."""
    callees: Mapping[str, Callee] = field(default_factory=dict)
    """Functions of Python that the plan may have called, by their names in it."""
    scenario: Path | None = None
    """The file of scenarios that the plan was made of, and which has been loaded; None where it was none."""
    python: PythonOptions = field(default_factory=PythonOptions)
    """How they are called."""
    remote: RemoteRequest | None = None
    """Where it runs; None: in this process."""


def output_target(text: str) -> OutputTarget:
    """`KIND=FILE` or `KIND` alone. Raises UsageError for an unknown kind and for a place that can't be written to."""
    kind, _, path = text.partition("=")
    if kind in LATER_OUTPUTS:
        raise NotBuilt(f"{kind} is not built yet", f"There are {', '.join(OUTPUTS)}.")
    for known in OUTPUTS:
        if kind == known:
            path = path or f"apibench.{known}"
            if path != "-":
                _check_writable(Path(path))
            return OutputTarget(known, path)
    raise UsageError(f"there is no output '{kind}'", did_you_mean(kind, OUTPUTS))


def _check_writable(path: Path) -> None:
    """Before the run, because its figures are too dear to find it out behind it."""
    if path.is_dir():
        raise UsageError(f"{path} is a folder", "Name a file in it.")
    if path.exists():
        if not os.access(path, os.W_OK):
            raise UsageError(f"{path} may not be written to", "Change its rights, or name another file.")
    elif not (path.parent.is_dir() and os.access(path.parent, os.W_OK)):
        raise UsageError(f"{path.parent} is no folder to write {path} into", "Make it first, or name another.")
