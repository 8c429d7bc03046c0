"""Files of rows: where a worker finds those that plans name, and what of them goes with a plan to an installation."""

import sys
from collections.abc import Callable
from pathlib import Path

from apibench.model.errors import UsageError
from apibench.model.feeder import MAX_ROWS_TEXT
from apibench.model.plan import Plan


def rows_within(folder: Path | None) -> Callable[[str], str]:
    """
    Where the files that plans of others name are: in that folder, and nowhere else. Whoever may start runs could send
    any file of a worker to any target otherwise.
    """

    def place(path: str) -> str:
        if folder is None:
            raise UsageError(
                f"this worker has no folder of data, and the plan takes rows from {path}",
                "Start workers with --data FOLDER, or have the rows stand in the plan.",
            )
        root = folder.resolve()
        file = (root / path).resolve()
        if not file.is_relative_to(root):
            raise UsageError(f"{path} leads out of this worker's folder of data", "Name a file within it.")
        return str(file)

    return place


def with_rows(plan: Plan) -> Plan:
    """
    The plan with the rows of its files in it, as far as a message has room; of larger ones it has the name, by which
    workers look for it.

    Raises UsageError for a file that is no UTF-8 or can't be read, and for two that workers could not tell apart.
    """
    room, feeders = MAX_ROWS_TEXT, dict(plan.feeders)
    by_name: dict[str, str] = {}
    for name, feeder in feeders.items():
        if feeder.path is None:
            room -= len(feeder.text or "")
            continue
        text = _text(Path(feeder.path), room)
        if text is None:
            named = Path(feeder.path).name
            other = by_name.setdefault(named, feeder.path)
            if other != feeder.path:
                message = f"{other} and {feeder.path} are both {named} to workers, which read them of their own --data"
                raise UsageError(message, "Give one of them another name.")
            sys.stderr.write(
                f"apibench: {feeder.path} is too large to go with the plan: workers read {named} of their own --data\n"
            )
            feeders[name] = feeder.model_copy(update={"path": named})
        else:
            room -= len(text)
            feeders[name] = feeder.model_copy(update={"path": None, "text": text})
    return plan.model_copy(update={"feeders": feeders}) if feeders else plan


def _text(path: Path, room: int) -> str | None:
    """What is in a file; None for more than there is room for."""
    try:
        with path.open("rb") as file:
            # Rows that stand in the plan itself may have taken more than there was.
            content = file.read(max(room, 0) + 1)
        return None if len(content) > room else content.decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}", "Check name and rights.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 (byte {error.start})", "Save it as UTF-8.") from error
