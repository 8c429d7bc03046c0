"""
What a line of a log is about, in fields of its own: whoever looks for all that was said of a run asks for its id.

A line that is about a run is logged with `extra=about(run_id)`, and does not name the run in its words as well:
where logs are words, whoever writes them puts it before them (`assembly/service_process.py`).
"""

from typing import Any

LOG_FIELDS = ("run_id", "region", "worker_id", "segment")
"""In the order in which they stand in a line."""


def about(run_id: str, *, region: str = "", worker_id: str = "", segment: int | None = None) -> dict[str, Any]:
    """
    The `extra` of a line about a run.

    Args:
        run_id: of the run; anything that is no run's id is no matter for this.
        region: where that is said or has happened, if it is anywhere.
        worker_id: of whom it is said, if it is of one worker.
        segment: which part of the run, if it is of one.
    """
    fields = {"run_id": run_id, "region": region, "worker_id": worker_id, "segment": segment}
    return {name: value for name, value in fields.items() if value not in ("", None)}
