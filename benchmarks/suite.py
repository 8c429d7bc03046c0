"""
Everything that is claimed of speed, memory and truth, measured side by side in one run.

Nothing here fails: it prints what it found. All of it, or `--write`, also puts the sections that were measured into
docs/benchmarks.md; those that were not stay as they are, each with its own day.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

import cost
import day
import fleet
import jobs
import journey
import loading
import lock
import page
import pods
import python_calls
import rows
import thousand
import tls
import truth
import verdicts
from machine import NotHere, Section, described


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="cpu calls instructions memory tls lag holds freezes verdicts start load journey rows lock python fleet-start fleet-jobs fleet-pods fleet-cost fleet-store fleet-thousand fleet-day; all if none")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--short", type=float, default=2, metavar="SECONDS")
    parser.add_argument("--long", type=float, default=10, metavar="SECONDS")
    parser.add_argument("--times", type=int, default=20, help="how often each cause of a verdict is tried")
    parser.add_argument("--gigabytes", type=int, default=2, help="size of the file of data")
    parser.add_argument("--write", action="store_true", help="put what was measured into docs/benchmarks.md also if only some parts ran")
    options = parser.parse_args()
    parts: dict[str, Callable[[], Section]] = {
        "cpu": lambda: cost.cpu(options.rounds, options.short, options.long),
        "calls": lambda: cost.calls(3),
        "instructions": cost.instructions,
        "memory": cost.memory,
        "tls": lambda: tls.tls(options.rounds, options.short, options.long),
        "lag": lambda: truth.lag(options.rounds, 3),
        "holds": lambda: truth.holds(5),
        "freezes": truth.freezes,
        "verdicts": lambda: verdicts.verdicts(options.times),
        "start": truth.start_up,
        "load": lambda: loading.load(options.rounds),
        "journey": lambda: journey.journey(options.rounds, 5),
        "rows": lambda: rows.rows(options.gigabytes),
        "lock": lambda: lock.lock(options.rounds),
        "python": lambda: python_calls.python_calls(min(options.rounds, 5), 5),
        "fleet-start": lambda: fleet.start(5),
        "fleet-jobs": lambda: jobs.jobs(5),
        "fleet-pods": pods.pods,
        "fleet-cost": lambda: fleet.cost(min(options.rounds, 5), options.short, options.long),
        "fleet-store": fleet.stored,
        "fleet-thousand": thousand.thousand,
        "fleet-day": day.day,
    }
    unknown = set(options.parts) - parts.keys()
    if unknown:
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    measured: dict[str, Section] = {}
    for name in options.parts or parts:
        try:
            measured[name] = parts[name]()
        except NotHere as reason:
            sys.stdout.write(f"\n{name} is not measured: {reason}\n")
        else:
            _show(measured[name])
    if not options.parts or options.write:
        page.write(described(), measured, order=list(parts))


def _show(section: Section) -> None:
    sys.stdout.write(f"\n{section.title}\n" + "\n".join(section.lines) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
