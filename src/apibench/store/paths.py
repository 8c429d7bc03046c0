"""Where this program keeps what it has to keep on this machine."""

import os
from pathlib import Path

from platformdirs import user_data_path


def data_folder() -> Path:
    """`APIBENCH_DATA_DIR` or the user's data directory."""
    folder = os.environ.get("APIBENCH_DATA_DIR")
    return Path(folder) if folder else user_data_path("apibench")


def history_path() -> Path:
    """The runs of this machine's command line."""
    return data_folder() / "history.sqlite"


def installation_path() -> Path:
    """The database of an installation that was named none."""
    return data_folder() / "installation.sqlite"


def worker_path() -> Path:
    """A worker's name and its unsent results."""
    return data_folder() / "worker"
