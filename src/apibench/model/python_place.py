"""Where functions of Python are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PythonPlace:
    """Another place than where the scenario was loaded: a folder, and what its processes know of this machine."""

    folder: Path
    """Where the files lie. Processes work there, and look for modules there first."""
    environment: Mapping[str, str]
    """All of it."""
