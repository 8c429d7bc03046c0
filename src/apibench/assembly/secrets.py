"""The secrets of this machine: in its environment, and in a folder that was mounted for them. Read when needed."""

import os
from pathlib import Path

from apibench.model.errors import UsageError

MAX_SECRET_BYTES = 64 * 1024


def secret_of(name: str) -> str | None:
    """
    The value of a secret: APIBENCH_SECRET_NAME, else the file NAME of the folder APIBENCH_SECRETS; None for neither.

    Raises UsageError for a file that can't be read. A line end at its end, which editors write, is no part of it.
    """
    value = os.environ.get(f"APIBENCH_SECRET_{name}")
    folder = os.environ.get("APIBENCH_SECRETS")
    if value is not None or not folder:
        return value
    path = Path(folder) / name
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SECRET_BYTES + 1)
        text = content.decode("utf-8")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"the secret '{name}' can't be read: {error.strerror}", f"Check {path}.") from error
    except UnicodeDecodeError:
        # Without its cause: that one holds the bytes.
        raise UsageError(f"the secret '{name}' is no UTF-8", f"Write text into {path}.") from None
    if len(content) > MAX_SECRET_BYTES:
        raise UsageError(f"the secret '{name}' is longer than {MAX_SECRET_BYTES:,} bytes", "Is it the right file?")
    return text.removesuffix("\n").removesuffix("\r")
