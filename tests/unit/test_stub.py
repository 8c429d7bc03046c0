"""What type checkers are told of the extension module is what the binary has."""

import subprocess
import sys


def test_the_stub_is_the_binarys() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", "apibench._engine"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
