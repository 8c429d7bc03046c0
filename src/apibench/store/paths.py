"""Where the history is kept."""

import os
from pathlib import Path

from platformdirs import user_data_path


def history_path() -> Path:
    """`APIBENCH_DATA_DIR` or the user's data directory."""
    folder = os.environ.get("APIBENCH_DATA_DIR")
    return (Path(folder) if folder else user_data_path("apibench")) / "history.sqlite"
