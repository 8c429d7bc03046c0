#!/usr/bin/env python3
"""
Writes the Python code of the wire: `make proto`, or `generate.py DIRECTORY` to have it elsewhere and nothing checked.

A change that is no addition to what has been accepted so far (`accepted.json`) is refused; one that is, is accepted.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

PROTO = Path(__file__).parent
PACKAGE = Path("apibench/v1")
TARGET = PROTO.parent / "src/apibench/wire/v1"
ONLY_THE_ENGINE_READS = {"interval.proto"}
"""The services pass it on as bytes."""


def generate(target: Path) -> None:
    """The code of all files, as modules of the package that stands in `target`."""
    names = sorted(path.name for path in (PROTO / PACKAGE).glob("*.proto") if path.name not in ONLY_THE_ENGINE_READS)
    with tempfile.TemporaryDirectory() as made:
        files = [str(PACKAGE / name) for name in names]
        run(sys.executable, "-m", "grpc_tools.protoc", f"--proto_path={PROTO}", f"--python_out={made}", *files)
        for path in Path(made, PACKAGE).glob("*.py"):
            # The compiler takes the package's name on the wire for its place among our modules.
            code = path.read_text(encoding="utf-8").replace("from apibench.v1 import ", "from apibench.wire.v1 import ")
            (target / path.name).write_text(code, encoding="utf-8")


def main() -> None:
    """Everything that `make proto` does."""
    accepted = PROTO / "accepted.json"
    buf = str(Path(sys.executable).parent / "buf")
    if accepted.exists():
        run(buf, "breaking", str(PROTO), "--against", str(accepted))
    generate(TARGET)
    run(buf, "build", str(PROTO), "--exclude-source-info", "--output", str(accepted))


def run(*words: str) -> None:
    """Start it and stop with it, where it fails."""
    ended = subprocess.run(words, check=False, cwd=PROTO)  # noqa: S603 -- only what stands above
    if ended.returncode:
        sys.exit(ended.returncode)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        generate(Path(sys.argv[1]))
    else:
        main()
