"""A service as a process."""

import subprocess
import sys

_SERVICE = """
import asyncio, gc
from apibench.assembly.service_process import COLLECT_AFTER, run_service

async def service(told: asyncio.Event) -> None:
    assert gc.get_threshold() == COLLECT_AFTER and gc.get_freeze_count() > 0
    assert gc.isenabled()

raise SystemExit(run_service(service))
"""


def test_a_service_looks_for_cycles_rarely_and_never_at_what_was_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", _SERVICE], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
