"""`apibench workers`: the fleet of an installation."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from apibench.assembly.rest_client import RestClient
from apibench.model.figures import human_duration
from apibench.model.units import NS_PER_S
from apibench.report.figure_text import plural


def workers(
    *,
    controller: Annotated[str, Parameter(env_var="APIBENCH_CONTROLLER_URL")] = "http://127.0.0.1:8090",
    ca_file: Annotated[Path | None, Parameter(env_var="APIBENCH_CA_FILE")] = None,
    json_lines: Annotated[bool, Parameter(name="--json", negative="", show_default=False)] = False,
) -> int:
    """
    Show the workers of an installation.

    Parameters
    ----------
    controller
        URL of its REST face.
    ca_file
        PEM: who signs its certificate.
    json_lines
        A JSON object a line.
    """
    client = RestClient(
        controller,
        os.environ.get("APIBENCH_TOKEN"),
        ca_file=ca_file,
        insecure=os.environ.get("APIBENCH_INSECURE") == "1",
    )
    found: list[dict[str, Any]] = client.ask("GET", "/v1/workers")["workers"]
    if json_lines:
        for each in found:
            sys.stdout.write(json.dumps(each) + "\n")
        return 0
    if not found:
        sys.stdout.write("No workers. Start one: apibench worker --controller HOST:8091\n")
        return 0
    width = max(len("worker"), *(len(each["id"]) for each in found)) + 2
    sys.stdout.write(f"{'worker':<{width}}{'state':<9}{'region':<10}{'processors':>10}{'heard':>10}  run\n")
    for each in found:
        heard = human_duration(round(each["last_heard_s"] * NS_PER_S))
        sys.stdout.write(
            f"{each['id']:<{width}}{each['state']:<9}{each['region'] or '-':<10}{each['cpus']:>10}{heard:>10}"
            f"  {each['run'] or '-'}\n"
        )
    sys.stdout.write(f"{plural(len(found), 'worker')}\n")
    return 0
