"""A run that goes on is told from one whose process is gone."""

import subprocess
import sys

import pytest

from apibench.assembly.own_process import fate, own_mark


def test_this_process_goes_on() -> None:
    assert fate(own_mark()) == "running"


def test_a_process_that_has_ended_has_crashed_even_before_anybody_asked_for_it() -> None:
    code = "import json, sys; from apibench.assembly.own_process import own_mark; json.dump(own_mark(), sys.stdout)"
    ended = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert ended.stdout is not None
    import json

    mark = json.loads(ended.stdout.read())
    ended.stdout.close()
    assert ended.pid == mark["pid"]
    # It may be on its way out still.
    import os

    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    assert fate(mark) == "crashed"
    ended.wait()
    assert fate(mark) == "crashed"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"started": "1"}, "crashed"),
        ({"boot": "another"}, "crashed"),
        ({"node": "another"}, "unknown"),
        ({"namespace": "pid:[1]"}, "unknown"),
        ({"started": None}, "crashed"),
    ],
)
def test_another_process_of_the_same_number_is_not_taken_for_it(changed: dict[str, str], told: str) -> None:
    assert fate({**own_mark(), **changed}) == told


def test_a_run_of_a_release_that_made_no_mark_has_crashed() -> None:
    assert fate(None) == "crashed"
