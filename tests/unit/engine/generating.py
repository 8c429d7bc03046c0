"""What expressions come to in the engine, as it tells it of iterations that somebody looks at."""

from typing import Any

from apibench.authoring.plan_file import parse_plan_document
from apibench.engine.echo_server import EchoServer
from apibench.engine.rust import RustEngine
from apibench.engine.seam import EngineOptions
from apibench.model.share import WHOLE, Share

PATIENCE_MS = 1_000


def made(
    *expressions: str,
    iterations: int = 1,
    users: int = 1,
    seed: int = 1,
    threads: int = 1,
    share: Share = WHOLE,
    segment: int = 0,
) -> list[list[str]]:
    """What each expression comes to in each iteration, as JSON."""
    steps: list[dict[str, Any]] = [{"type": "set", "to": f"v{n}", "value": text} for n, text in enumerate(expressions)]
    scenario = {
        "name": "a",
        "defaults": {"on_fail": "continue"},
        "load": {"users": users, "iterations": iterations},
        "steps": [*steps, {"type": "request", "path": "/health"}],
    }
    with EchoServer() as server:
        plan = {"version": 1, "seed": seed, "hosts": {"echo": {"url": server.address}}, "scenarios": [scenario]}
        options = EngineOptions(threads=threads, tells="steps", segment=segment)
        load = RustEngine().prepare(parse_plan_document(plan)).start(options, share=share)
        while not load.ended:
            load.next_counts(PATIENCE_MS)
        found = [each for each in load.told() if each["what"] == "value"]
    return [[each["value"] for each in found if each["name"] == f"v{n}"] for n in range(len(expressions))]
