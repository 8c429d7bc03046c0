"""A service as a process."""

import contextlib
import json
import os
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
_SAYING = """
import asyncio, logging
from apibench.assembly.service_process import run_service
from apibench.model.log_fields import about

logger = logging.getLogger("apibench.worker.delivery")

async def service(told: asyncio.Event) -> None:
    logger.warning("no controller: %s", "it is away")
    logger.warning("results wait: %s", "it is away", extra=about("06kq3v5abc", worker_id="w-1", segment=0))
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        logger.exception("it broke", extra=about("06kq3v5abd", region="eu"))

raise SystemExit(run_service(service))
"""


def test_a_service_looks_for_cycles_rarely_and_never_at_what_was_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", _SERVICE], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_line_about_a_run_has_its_id_in_a_field_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", _SAYING], capture_output=True, text=True, timeout=60, check=True)
    nobody, waits, broke = map(json.loads, done.stderr.splitlines())
    assert set(nobody) == {"at", "level", "event", "from"}
    assert (waits["event"], waits["from"]) == ("results wait: it is away", "apibench.worker.delivery")
    assert (waits["run_id"], waits["worker_id"], waits["segment"]) == ("06kq3v5abc", "w-1", 0)
    assert (broke["run_id"], broke["region"]) == ("06kq3v5abd", "eu")
    assert "worker_id" not in broke
    assert "ZeroDivisionError" in broke["trace"]


def test_for_a_person_it_stands_before_the_words() -> None:
    nobody, waits, broke, *trace = said_to_a_terminal(_SAYING)
    assert nobody.endswith(" WARNING no controller: it is away")
    assert waits.endswith(" WARNING run 06kq3v5abc, worker w-1, segment 0: results wait: it is away")
    assert broke.endswith(" ERROR run 06kq3v5abd, region eu: it broke")
    assert trace[-1] == "ZeroDivisionError"


def said_to_a_terminal(program: str) -> list[str]:
    """The lines of its standard error, which is one."""
    ours, its = os.openpty()
    subprocess.run([sys.executable, "-c", program], stderr=its, timeout=60, check=True)
    os.close(its)
    data = b""
    # Behind the last byte a terminal that nobody has open any more is an error.
    with contextlib.suppress(OSError):
        while piece := os.read(ours, 4096):
            data += piece
    os.close(ours)
    return data.decode().splitlines()
