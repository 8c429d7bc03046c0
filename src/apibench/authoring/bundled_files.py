"""The files that functions of a scenario need where they are called: its own, and the modules beside it."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from apibench.authoring.file_names import as_seen
from apibench.model.bundle import MAX_CODE_BYTES, MAX_FILES, path_fault
from apibench.model.errors import BundleUnusable
from apibench.model.fault import Fault

_OURS = "apibench"
"""Workers have it."""


def bundled_files(scenario: Path, modules: Mapping[str, ModuleType]) -> tuple[str, dict[str, str]]:
    """
    What a file of scenarios and the modules that it has imported from its own folder say.

    Only sources in Python, by whose names they are imported from there: no data, no compiled module, nothing of an
    environment that happens to lie in the folder.

    Args:
        scenario: the file, which has been loaded.
        modules: all that are loaded, by name.

    Returns:
        The name of the scenario's file, and all contents by their names below its folder.

    Raises:
        BundleUnusable: with all files that can't be sent: links, too large, not UTF-8.
    """
    own, folder = scenario.absolute(), scenario.resolve().parent
    found: dict[str, str] = {}
    faults: list[Fault] = []
    room = MAX_CODE_BYTES
    # Whoever names a link means what is behind it; what is only imported has to lie there.
    paths = {own.name: scenario.resolve()} | dict(sorted(_beside(folder, modules)))
    for name, path in paths.items():
        why = path_fault(name) or _leads_out(path, folder)
        content = None if why else _content(path, room)
        if isinstance(content, str):
            found[name] = content
            room -= len(content.encode())
        else:
            message, remedy = (why, "Rename it, or install it on the workers.") if content is None else content
            faults.append(Fault("bundle.files", as_seen(str(path)), message, remedy))
    if len(paths) > MAX_FILES:
        message = f"{len(paths)} files were imported from its folder, and {MAX_FILES} are the most that are sent"
        faults.append(Fault("bundle.large", as_seen(str(own)), message, "Install what is large on the workers."))
    if faults:
        raise BundleUnusable(faults)
    return own.name, found


def _beside(folder: Path, modules: Mapping[str, ModuleType]) -> list[tuple[str, Path]]:
    """Modules whose names lead to their files from that folder on."""
    found = []
    for name, module in modules.items():
        file = getattr(module, "__file__", None)
        if not isinstance(file, str) or name.partition(".")[0] == _OURS:
            continue
        path, parts = Path(file), name.split(".")
        if path in (folder.joinpath(*parts[:-1], f"{parts[-1]}.py"), folder.joinpath(*parts, "__init__.py")):
            found.append((path.relative_to(folder).as_posix(), path))
    return found


def _leads_out(path: Path, folder: Path) -> str:
    return "" if path.resolve().is_relative_to(folder) and not path.is_symlink() else "is a link"


def _content(path: Path, room: int) -> str | tuple[str, str]:
    """What a file says; or what is the matter with it, and the remedy."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return "is no regular file", "Put a file there."
            content = file.read(room + 1)
    except OSError as error:
        return f"can't be read: {error.strerror}", "Check its rights."
    if len(content) > room:
        most = f"{MAX_CODE_BYTES >> 20} MiB of code are the most that is sent"
        return f"is too large: {most}", "Install what is large on the workers."
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"is not UTF-8 (byte {error.start})", "Save it as UTF-8."
    if "\0" in text:
        return "holds a NUL character", "Take it out."
    return text
