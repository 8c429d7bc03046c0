"""How messages name a file: as whoever reads them would."""

import os
from pathlib import Path


def as_seen(file: str) -> str:
    """The name of a file as seen from the working directory, where that is shorter."""
    if not Path(file).is_absolute():
        return file
    try:
        return min(file, os.path.relpath(file), key=len)
    except OSError:
        return file  # there is no working directory any more
