"""Files of a bundle on a worker's disk, for as long as their run lasts. Only what was checked comes here."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from apibench.model.bundle import Bundle
from apibench.model.errors import StoreFailed


def new_folder(parent: Path) -> Path:
    """A folder that nobody else may look into. Raises StoreFailed."""
    with _guarded(parent):
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return Path(tempfile.mkdtemp(prefix="run-", dir=parent)).resolve()


def unpack(bundle: Bundle, folder: Path) -> None:
    """Write a bundle's files into a folder that was just made, each where nothing is yet. Raises StoreFailed."""
    with _guarded(folder):
        for name, text in sorted(bundle.files.items()):
            path = folder.joinpath(*name.split("/"))
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
                file.write(text.encode())


def remove(folder: Path) -> None:
    """Take it away with all that processes have left in it."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_left_behind(parent: Path) -> None:
    """Those of an earlier process, which was killed."""
    for folder in parent.glob("run-*"):
        remove(folder)


@contextlib.contextmanager
def _guarded(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreFailed(
            f"code can't be written into {folder}: {(error.strerror or str(error)).lower()}",
            "Free the disk, or name another folder: --spool.",
        ) from error
