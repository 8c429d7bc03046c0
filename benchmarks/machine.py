"""The machine, the programs, and how to run one thing on one processor."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
OURS = str(Path(sys.executable).parent / "apibench")
GENERATOR_CPU, TARGET_CPU = 0, 1


class NotHere(Exception):
    """A part can't be measured on this machine, and why."""


@dataclass(frozen=True)
class Section:
    """A part of the page that is written."""

    title: str
    lines: list[str]


def pinned(command: list[str], cpu: int | None = GENERATOR_CPU, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command on one processor, or on all of them, and take what it prints."""
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=None if cpu is None else lambda: os.sched_setaffinity(0, {cpu}),
        **options,  # type: ignore[call-overload]
    )


@contextmanager
def only_on(cpu: int) -> Iterator[None]:
    """This thread, and all threads and processes that it starts meanwhile, have that processor only."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def ours(url: str, *flags: str) -> list[str]:
    """Our command line, with its result on standard output and nothing else."""
    return [OURS, "run", url, *flags, "-o", "json=-", "--progress", "none", "--no-store"]


def measured(url: str, *flags: str, cpu: int | None = GENERATOR_CPU) -> dict[str, object]:
    """The result document of a run of ours."""
    done = pinned(ours(url, *flags), cpu)
    try:
        document: dict[str, object] = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise SystemExit(f"apibench printed no result:\n{done.stdout[-500:]}{done.stderr[-1000:]}") from None
    return document


def built(name: str, folder: Path) -> str:
    """Compile one of the floors."""
    program = folder / name
    subprocess.run(["cc", "-O2", "-o", str(program), str(HERE / f"{name}.c")], check=True)
    return str(program)


def version_of(program: str) -> str:
    """What a program says of its version, in one line."""
    for flag in ("--version", "-v"):
        done = subprocess.run([program, flag], capture_output=True, text=True, check=False)
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        if lines and any(character.isdigit() for character in lines[0]):
            return lines[0].split("Copyright")[0].strip()
    return program


def processor() -> str:
    """The processor's model, as the kernel tells it."""
    return next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )


def described() -> Section:
    """The machine in words."""
    memory = Path("/proc/meminfo").read_text().split()[1]
    clock = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource").read_text().strip()
    virtual = "hypervisor" in Path("/proc/cpuinfo").read_text()
    lines = [
        f"- {os.cpu_count()} processors ({processor()}){', a virtual machine' if virtual else ''}, {int(memory) // 1024 // 1024} GiB",
        f"- Linux {platform.release()}, clock source {clock}, Python {platform.python_version()}",
        f"- generator on processor {GENERATOR_CPU}, target on processor {TARGET_CPU}, loopback",
    ]
    programs = [OURS, *(found for name in ("nginx", "wrk", "h2load", "hey", "oha") if (found := shutil.which(name)))]
    lines += [f"- {Path(program).name}: {version_of(program)}" for program in programs]
    return Section("The machine", lines)
