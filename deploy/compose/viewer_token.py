"""Makes a token that can only read, where Prometheus looks for it; one that is there and holds is kept."""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

UNAUTHORIZED, UNAVAILABLE = 401, 503
PATIENCE_S = 60


def main(controller: str, path: str) -> None:
    """`controller`: the URL of its REST face, which is asked with APIBENCH_TOKEN, an admin's."""
    file = Path(path)
    if file.exists() and _holds(controller, file.read_text()):
        return
    made = _ask(controller, "/v1/tokens", os.environ["APIBENCH_TOKEN"], {"name": "prometheus", "role": "viewer"})
    new = file.with_suffix(".new")
    new.write_text(made["token"])
    new.chmod(0o444)  # Prometheus is another user; nobody else has this volume
    new.rename(file)


def _holds(controller: str, token: str) -> bool:
    try:
        _ask(controller, "/v1/workers", token)
    except urllib.error.HTTPError as error:
        if error.code != UNAUTHORIZED:
            raise
        return False
    return True


def _ask(controller: str, path: str, token: str, body: object = None) -> dict[str, str]:
    """What it answers; a controller that does not lead yet is asked again, for a while."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(controller + path, data, headers)  # noqa: S310 - ours
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                found: dict[str, str] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            if error.code != UNAVAILABLE or time.monotonic() > deadline:
                raise
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
