"""The words of `apibench run` that say where a run is carried out."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from apibench.assembly.remote_request import RemoteRequest
from apibench.authoring.reading import Reading
from apibench.model.submission import OnLostControl, OnWorkerLoss

MAX_WORKERS = 10_000


@dataclass(frozen=True, slots=True)
class RemoteWords:
    """As they were given."""

    controller: str | None
    workers: int | None
    region: tuple[str, ...]
    sign_with: Path | None
    on_worker_loss: OnWorkerLoss | None
    on_lost_control: OnLostControl | None


def read_remote(words: RemoteWords, reading: Reading, local: Sequence[tuple[str, object]] = ()) -> RemoteRequest | None:
    """
    Where the run is to be carried out; None: in this process. What can't be is refused in `reading`.

    `local`: words that only a run of this process obeys, and what they were given.
    """
    given = [
        word for word in ("workers", "region", "sign_with", "on_worker_loss", "on_lost_control") if getattr(words, word)
    ]
    if words.workers is not None and not 1 <= words.workers <= MAX_WORKERS:
        message = f"{words.workers} workers can't make a load"
        reading.refuse(("workers",), message, f"Use 1 to {MAX_WORKERS:,}, or leave it out for all that are idle.")
    regions = _regions(words.region, reading)
    if words.workers is not None and regions:
        reading.refuse(("region",), "--workers says how many already", "Keep one of them.")
    if words.controller is None:
        for word in given:
            reading.refuse((word,), "says nothing without a controller", "Add --controller URL, or leave it out.")
        return None
    for word, value in local:
        if value:
            reading.refuse((word,), "is for a run of this process; workers decide that themselves", "Leave it out.")
    ca_file, key = os.environ.get("APIBENCH_CA_FILE"), os.environ.get("APIBENCH_SIGNING_KEY")
    return RemoteRequest(
        words.controller,
        os.environ.get("APIBENCH_TOKEN") or None,
        Path(ca_file) if ca_file else None,
        os.environ.get("APIBENCH_INSECURE") == "1",
        words.workers,
        regions,
        words.on_worker_loss or "rebalance",
        words.on_lost_control or "stop",
        words.sign_with or (Path(key) if key else None),
    )


def _regions(texts: Sequence[str], reading: Reading) -> dict[str, int]:
    regions: dict[str, int] = {}
    for at, text in enumerate(texts):
        for part in text.split(","):
            name, colon, count = part.strip().partition(":")
            if not (colon and name and count.isascii() and count.isdigit() and 1 <= int(count[:6]) <= MAX_WORKERS):
                reading.refuse(("region", at), f"'{part}' is no NAME:COUNT", "Write it like eu:2.")
            elif name in regions:
                reading.refuse(("region", at), f"region `{name}` has a number already", "Name each once.")
            else:
                regions[name] = int(count)
    return regions
