"""
Workers as processes of this host, in a folder of their own for each.

One that fails is started once more, as Kubernetes does it by its Jobs. When the agent ends they end with it.
"""

import asyncio
import contextlib
import logging
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from apibench.model.exit_codes import ExitCode
from apibench.model.log_fields import about
from apibench.model.provision import Provision, ProvisionStatus

logger = logging.getLogger(__name__)
STARTS = 2
"""Of each worker, in all."""
END_S = 35.0
"""How long a worker may take to hand over and deliver."""
MAX_LINE = 500

Command = Callable[[Provision, Path], Sequence[str]]
"""What starts a worker of a run, with a folder for its results."""


class _Worker:
    """One worker of a provision, and the one that takes its place."""

    def __init__(self, provision: Provision, folder: Path, command: Command, environment: Mapping[str, str]) -> None:
        self.fault = ""
        """Why it is not started again."""
        self.runs = False
        self._folder = folder
        self._words = command(provision, folder)
        self._environment = environment
        self._life_s = provision.life_s
        self.keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        try:
            async with asyncio.timeout(self._life_s):
                for _ in range(STARTS):
                    code = await self._run()
                    if code == 0:
                        self._put_away()
                        return
                    self.fault = f"a worker has ended with {code}: {self._last_line()}"
                    if code == ExitCode.USAGE:
                        return
        except TimeoutError:
            self.fault = "its time is over"
        except OSError as error:
            self.fault = f"a worker cannot be started: {(error.strerror or str(error)).lower()}"

    async def _run(self) -> int:
        """One process, from its start to its end."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self._folder / "log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._words,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )
        self.runs = True
        try:
            return await process.wait()
        except asyncio.CancelledError:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            if await _ended(process) == 0:
                self._put_away()
            raise
        finally:
            self.runs = False

    def _put_away(self) -> None:
        """It has delivered all that it measured."""
        shutil.rmtree(self._folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # others of its run are there still
            self._folder.parent.rmdir()

    def _last_line(self) -> str:
        lines = (self._folder / "log").read_text(encoding="utf-8", errors="replace").split("\n")
        return next((line for line in reversed(lines) if line.strip()), "it said nothing")[:MAX_LINE]


class LocalProcesses:
    """A WorkerProvider."""

    def __init__(self, command: Command, folder: Path, max_workers: int, environment: Mapping[str, str]) -> None:
        """`environment`: of the workers, whole."""
        self._command = command
        self._environment = environment
        self._folder = folder
        self._max_workers = max_workers
        self._runs: dict[str, list[_Worker]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def provide(self, wanted: Sequence[Provision]) -> tuple[ProvisionStatus, ...]:
        """Have the workers of these runs be there, and end all others."""
        for run_id in self._runs.keys() - {each.run_id for each in wanted}:
            self._end(run_id)
        return tuple(self._provided(each) for each in wanted)

    async def close(self) -> None:
        """End all, politely."""
        for run_id in list(self._runs):
            self._end(run_id)
        if self._ending:
            await asyncio.wait(self._ending)

    def _provided(self, wanted: Provision) -> ProvisionStatus:
        workers = self._runs.get(wanted.run_id)
        if workers is None:
            room = self._max_workers - sum(map(len, self._runs.values()))
            if wanted.count > room:
                reason = f"this agent makes up to {self._max_workers} workers at once, and {max(room, 0)} more now"
                return ProvisionStatus(wanted.run_id, 0, reason, failed=True)
            # Of each a new one: a worker that an earlier agent has left may still have its own.
            folders = [self._folder / wanted.run_id / secrets.token_hex(4) for _ in range(wanted.count)]
            workers = [_Worker(wanted, folder, self._command, self._environment) for folder in folders]
            self._runs[wanted.run_id] = workers
            logger.info("%d workers are started", wanted.count, extra=about(wanted.run_id))
        gone = [worker for worker in workers if worker.keeping.done()]
        fault = next((worker.fault for worker in workers if worker.fault), "")
        return ProvisionStatus(wanted.run_id, sum(worker.runs for worker in workers), fault, failed=bool(gone))

    def _end(self, run_id: str) -> None:
        for worker in self._runs.pop(run_id):
            worker.keeping.cancel()
            self._ending.add(worker.keeping)
            worker.keeping.add_done_callback(self._ending.discard)
        logger.info("its workers are ended", extra=about(run_id))


async def _ended(process: asyncio.subprocess.Process) -> int:
    try:
        return await asyncio.wait_for(process.wait(), END_S)
    except TimeoutError:
        process.kill()
        return await process.wait()
