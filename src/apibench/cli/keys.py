"""`apibench keys`: a key that signs code for workers."""

import getpass
import shlex
import socket
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from apibench.model.errors import UsageError

MAX_NAME = 100


def keys(
    *,
    file: Path = Path("signing.key"),
    name: Annotated[str | None, Parameter(show_default=False)] = None,
) -> int:
    """
    Make a key with which functions of Python are signed, so that workers that trust it call them.

    Parameters
    ----------
    file
        Where it is kept; its public half lies beside it, as FILE.pub. One that is there stays.
    name
        Whose it is, for those who read the public half. [the user at this machine]
    """
    from apibench.assembly.key_files import PUBLIC, make_keys  # noqa: PLC0415 - only here is the library needed

    whose = name if name is not None else _own_name()
    if not whose.strip() or not whose.isprintable() or len(whose) > MAX_NAME:
        raise UsageError(f"--name: '{whose[:MAX_NAME]}' is no name", f"Write up to {MAX_NAME} letters in one line.")
    pair, public = make_keys(file, whose), Path(f"{file}{PUBLIC}")
    rows = [(file, "made" if pair.made else "kept", pair.key.public.fingerprint)]
    rows.append((public, "made" if pair.public_made else "kept", whose if pair.public_made else ""))
    for path, state, more in rows:
        sys.stdout.write(f"{path!s:<28}{state:<6}{more}".rstrip() + "\n")
    sys.stdout.write(
        f"Keep {file}: who has it can have any code run by workers that trust it.\n\n"
        "Next, on the machine of each worker that is to trust it, and at the controller:\n"
        f"  cat {shlex.quote(str(public))} >> trusted.keys\n"
        "  apibench worker --python-keys trusted.keys\n"
        "  apibench controller --allow-python\n"
        "And where runs are started:\n"
        f"  apibench run FILE.py --controller URL --sign-with {shlex.quote(str(file))}\n"
    )
    return 0


def _own_name() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (OSError, KeyError):
        # In a container a user may have no name.
        return socket.gethostname()
