"""A worker's name, which it keeps for ever, and the folder that no second worker may use meanwhile."""

import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apibench.model.errors import StoreFailed, UsageError

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


@contextmanager
def own_folder(folder: Path) -> Iterator[str]:
    """
    The worker's name, for as long as its folder is ours.

    Raises UsageError where another process has it, StoreFailed where it can't be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreFailed(
            f"the worker's folder {folder} can't be used: {(error.strerror or str(error)).lower()}",
            "Name another with --spool.",
        ) from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise UsageError(
                f"another worker uses {folder}", "Give each a folder of its own: --spool FOLDER."
            ) from error
        yield _name(folder / "name")
    finally:
        os.close(file)


def _name(path: Path) -> str:
    if path.exists():
        name = path.read_text(encoding="utf-8").strip()
        if _NAME.fullmatch(name):
            return name
    name = f"w-{secrets.token_hex(4)}"
    # In place at once or not at all: half a name would be another worker's.
    half = path.with_suffix(".new")
    half.write_text(f"{name}\n", encoding="utf-8")
    half.replace(path)
    return name
