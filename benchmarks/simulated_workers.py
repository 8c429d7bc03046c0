"""
Many workers in one process: all that a worker is but its engine, which is simulated.

They speak gRPC with the real services, each over connections of its own. Lines of JSON on standard input begin and end
them, by the uid of their pod; lines on standard output tell what has happened to whom, and when on CLOCK_MONOTONIC.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from fleet import open_plan
from simulated_engine import MeasuredSeconds, SimulatedEngine

from apibench.assembly.dialling import dialling
from apibench.assembly.service_settings import LinkFiles, WorkerSettings
from apibench.assembly.worker_identity import own_folder
from apibench.assembly.worker_service import work, worker_facts
from apibench.authoring.plan_file import parse_plan_document
from apibench.engine.seam import EngineOptions
from apibench.wire.grpc_control import GrpcControllerLink
from apibench.wire.grpc_results import GrpcIntervalSink
from apibench.worker.control_group import ControlGroup
from apibench.worker.host_sampler import HostSampler
from apibench.worker.service import Worker

MOST_WORKERS = 1_000
LOOK_S = 0.02
NOWHERE = Path("/nowhere")
"""What a simulated engine has to wait for says nothing: nobody looks at its host."""


class Workers:
    """All of them."""

    def __init__(self, seconds: MeasuredSeconds) -> None:
        self._seconds = seconds
        self._told: dict[str, asyncio.Event] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, uid: str, arguments: list[str], environment: Mapping[str, str]) -> None:
        """One more."""
        self._told[uid] = asyncio.Event()
        self._tasks[uid] = asyncio.create_task(self._be(uid, settings_of(arguments, environment)))

    def leave(self, uid: str) -> None:
        """One is to hand over and end."""
        self._told[uid].set()

    def kill(self, uid: str) -> None:
        """One ends."""
        self._tasks[uid].cancel()

    async def _be(self, uid: str, settings: WorkerSettings) -> None:
        code = 1
        try:
            await self._work(uid, settings)
            code = 0
        except asyncio.CancelledError:
            code = -9
        except Exception:
            logging.getLogger(__name__).exception("the worker of pod %s has failed", uid)
        finally:
            del self._told[uid], self._tasks[uid]
            tell(uid, "ended", time.monotonic_ns(), code=code)

    async def _work(self, uid: str, settings: WorkerSettings) -> None:
        security = dialling("a worker", settings.controllers, settings.files, settings.token)
        links = [GrpcControllerLink(address, security) for address in settings.controllers]
        folder = settings.folder or NOWHERE
        with own_folder(folder) as name:
            worker = Worker(
                worker_facts(name, settings),
                SimulatedEngine(self._seconds, lambda what, at_ns: tell(uid, what, at_ns)),
                lambda *_: EngineOptions(threads=1),
                links,
                lambda address: GrpcIntervalSink(address, security),
                folder / "spool",
                sampler=lambda: HostSampler(NOWHERE, ControlGroup(NOWHERE, NOWHERE)),
            )
            looking = asyncio.create_task(_until_attached(uid, worker))
            try:
                await work(worker, self._told[uid])
            finally:
                looking.cancel()


async def _until_attached(uid: str, worker: Worker) -> None:
    while not worker.attached:
        await asyncio.sleep(LOOK_S)
    tell(uid, "attached", time.monotonic_ns())


def settings_of(arguments: list[str], environment: Mapping[str, str]) -> WorkerSettings:
    """What a worker is told that is started so. It has no health port: nobody asks pods of Jobs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["worker"])
    parser.add_argument("--controller", action="append")
    parser.add_argument("--spool", type=Path)
    for name in ("--ca-file", "--certificate-file", "--key-file"):
        parser.add_argument(name, type=Path)
    for name in ("--http", "--run", "--region"):
        parser.add_argument(name, default="")
    told = parser.parse_args(arguments)
    return WorkerSettings(
        tuple(told.controller),
        region=told.region,
        folder=told.spool,
        run_id=told.run,
        token=environment["APIBENCH_TOKEN"],
        files=LinkFiles(told.ca_file, told.certificate_file, told.key_file),
    )


def tell(uid: str, what: str, at_ns: int, **more: Any) -> None:
    """May be called from any thread: a line is written at once or not at all."""
    sys.stdout.write(json.dumps({"uid": uid, "what": what, "at_ns": at_ns, **more}) + "\n")
    sys.stdout.flush()


async def main() -> None:
    """Have workers until nobody gives orders any more."""
    loop = asyncio.get_running_loop()
    # Each waits in a thread for its next second; others write what they have sealed.
    loop.set_default_executor(ThreadPoolExecutor(MOST_WORKERS + 16))
    workers = Workers(MeasuredSeconds(lambda url, requests: parse_plan_document(open_plan(url, requests, 1))))
    orders = asyncio.StreamReader(limit=2**20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    tell("", "ready", time.monotonic_ns())
    gc.freeze()
    async for line in orders:
        match json.loads(line):
            case {"begin": uid, "arguments": arguments, "environment": environment}:
                workers.begin(uid, arguments, environment)
            case {"leave": uid}:
                workers.leave(uid)
            case {"kill": uid}:
                workers.kill(uid)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    asyncio.run(main())
