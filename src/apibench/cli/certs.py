"""`apibench certs`: certificates, so that the services of an installation know one another."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from apibench.cli.flag_values import at_least, whole_number
from apibench.model.errors import UsageError

MOST_DAYS = 3_650


def certs(
    *,
    host: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = (),
    folder: Path = Path("certs"),
    days: Annotated[int, Parameter(converter=whole_number)] = 365,
    renew: Annotated[bool, Parameter(negative="", show_default=False)] = False,
) -> int:
    """
    Make a CA, and certificates of it with which controllers, aggregators and workers encrypt their links.

    Parameters
    ----------
    host
        Name or address by which controller or aggregator are dialled. Repeatable. [this machine's name and loopback]
    folder
        Where they are kept. What is missing there is made; what is there stays.
    days
        How long the services' hold; the CA holds ten years.
    renew
        Make the services' again, by the same CA, for the hosts of before too.
    """
    from apibench.assembly import certificate_folder as kept  # noqa: PLC0415 - only here is the library needed

    if at_least("--days", days, 1) > MOST_DAYS:
        raise UsageError(f"--days: {days} is too high", f"The most is {MOST_DAYS:,}.")
    made = kept.make_certificates(folder, (*kept.own_hosts(), *host), days=days, renew=renew)
    for each in made:
        path, until = folder / f"{each.name}.pem", each.credential.ends.date().isoformat()
        sys.stdout.write(f"{each.name:<12}{path!s:<28}{'made' if each.made else 'kept':<6}holds until {until}\n")
    sys.stdout.write(
        f"For {', '.join(made[-1].credential.hosts)}. Each has its key beside it, as .key.\n"
        "Every machine needs ca.pem and the two files of its service. "
        f"Keep {folder / 'ca.key'} here: who has it can pass for any service.\n\n"
        "Next, each on its machine, with the same APIBENCH_TOKEN:\n"
    )
    for command in _commands(folder, host[0] if host else ""):
        sys.stdout.write(f"  {command}\n")
    sys.stdout.write(
        f"The REST face speaks https then:\n  export APIBENCH_CA_FILE={shlex.quote(str(folder / 'ca.pem'))}\n"
        f"  apibench workers --controller https://{_dialled(host[0] if host else '127.0.0.1')}:8090\n"
    )
    return 0


def _commands(folder: Path, host: str) -> list[str]:
    """How the three are started: to be reached as that host, or on this machine alone."""
    at = _dialled(host)
    words = {
        "controller": " --http 0.0.0.0:8090 --grpc 0.0.0.0:8091" if host else "",
        "aggregator": f" --controller {at}:8091 --grpc 0.0.0.0:8092 --advertise {at}:8092" if host else "",
        "worker": f" --controller {at}:8091" if host else "",
    }
    return [f"apibench {service}{flags}{_files(folder, service)}" for service, flags in words.items()]


def _files(folder: Path, service: str) -> str:
    names = {"--ca-file": "ca.pem", "--certificate-file": f"{service}.pem", "--key-file": f"{service}.key"}
    return "".join(f" {flag} {shlex.quote(str(folder / name))}" for flag, name in names.items())


def _dialled(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
