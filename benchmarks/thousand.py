"""A thousand workers: whether one aggregator on one processor keeps up with all of them, and what it needs for that."""

from __future__ import annotations

import asyncio
import os
import pwd
import resource
import secrets
import signal
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from fleet import cpu_s
from machine import GENERATOR_CPU, OURS, TARGET_CPU, Section, only_on
from seconds import KINDS, SAMPLES, batch, many_steps, measured_seconds
from target import await_port, free_port

from apibench.model.aggregation import Fate, RunFacts, RunOpening, SegmentFacts
from apibench.model.errors import ApibenchError, LinkLost
from apibench.model.ledger import Ledger, Revision
from apibench.model.share import WHOLE
from apibench.model.worker import WorkerFacts
from apibench.wire.grpc_aggregation import GrpcAggregatorLink
from apibench.wire.grpc_results import GrpcIntervalSink
from apibench.wire.seam import IntervalSession
from apibench.wire.security import Security

STEPS = 10
PATIENCE_S = 120
LATE_S = 3
"""How long after its end a window is to be sealed at the latest."""


@dataclass
class Seen:
    """What the simulated workers and the watcher saw."""

    sent_bytes: int = 0
    sent: int = 0
    acknowledged: int = 0
    behind_s: list[float] = field(default_factory=list)
    """How long after its end a window was sealed, as a watcher hears it, one for each window."""
    late_s: list[float] = field(default_factory=list)
    """How long after its time a batch was handed over: the simulation's own fault."""
    memory_mib: list[float] = field(default_factory=list)
    took_s: float = 0.0
    used_s: float = 0.0
    """From the first second to the last acknowledgement; of that, the aggregator's processor time."""
    broken: int = 0


def thousand(workers: int = 1_000, seconds: int = 600) -> Section:
    """Real gRPC, a real aggregator process, PostgreSQL; the workers are one process of streams."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    kinds = measured_seconds(STEPS)
    with only_on(TARGET_CPU), tempfile.TemporaryDirectory() as folder, postgres() as url, aggregator(url, Path(folder)) as (
        process,
        address,
        token,
    ):
        seen = asyncio.run(_load(address, token, process.pid, kinds, workers, seconds))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    quarter = len(seen.memory_mib) // 4
    late = [f"{number} s" for number, behind_s in enumerate(seen.behind_s) if behind_s > LATE_S]
    lines = [
        f"- {seen.sent_bytes / seen.sent / 1024:.1f} KiB a worker and second on the wire, {seen.sent_bytes / 2**20 / seen.took_s:.1f} MiB/s in all",
        f"- taken: {seen.acknowledged:,} of {seen.sent:,} batches, {seen.acknowledged / seen.took_s:,.0f} a second; "
        f"{seen.used_s / seen.took_s:.2f} of the aggregator's processor, {seen.used_s / seen.sent * 1e3:.2f} ms a batch",
        f"- a window was sealed, and a watcher heard of it, {statistics.median(seen.behind_s):.1f} s after its end "
        f"(median of {len(seen.behind_s)}), at most **{max(seen.behind_s):.1f} s**; the last one {seen.behind_s[-1]:.1f} s",
        f"- windows of which he heard more than {LATE_S} s after their end: **{len(late)}**" + (f" ({', '.join(late[:9])})" if late else ""),
        f"- the simulation handed batches over {statistics.median(seen.late_s):.2f} s after their second (median), at most {max(seen.late_s):.2f} s",
        f"- memory of the aggregator: {statistics.median(seen.memory_mib[quarter : 2 * quarter or None]):.0f} MiB in the second quarter, "
        f"{statistics.median(seen.memory_mib[-quarter or None :]):.0f} MiB in the last; at most {max(seen.memory_mib):.0f} MiB; least of each minute: "
        + ", ".join(f"{min(seen.memory_mib[first : first + 60]):.0f}" for first in range(0, len(seen.memory_mib) - 30, 60)),
    ]
    if seen.broken:
        lines.append(f"- {seen.broken} streams broke and were opened again")
    return Section(f"Many machines: {workers:,} simulated workers, {STEPS} series of {SAMPLES} samples a second, {seconds} s, PostgreSQL", lines)


async def _load(address: str, token: str, pid: int, kinds: list[bytes], workers: int, seconds: int) -> Seen:
    seen, security = Seen(), Security(token)
    link = GrpcAggregatorLink(address, security)
    await link.open_run(RunOpening("r", many_steps(STEPS, seconds).canonical().decode(), "2026-01-01T00:00:00+00:00"))
    ledger = Ledger((Revision(0, 0, {number: cut for number, cut in enumerate(WHOLE.split([1] * workers))}, reason="start"),))
    names = [WorkerFacts(f"w{number}", "i", "1") for number in range(workers)]
    segments = tuple(SegmentFacts(number, name) for number, name in enumerate(names))
    await link.tell(RunFacts("r", 1, ledger, segments))
    sink = GrpcIntervalSink(address, security)
    sessions = []
    for first in range(0, workers, 50):
        sessions += await asyncio.gather(*(sink.open() for _ in range(first, min(first + 50, workers))))
    barrier_s = time.monotonic() + 1
    watching = asyncio.create_task(_watch(link, barrier_s, seen))
    looking = asyncio.create_task(_look(pid, seen))
    used_s = cpu_s(pid)
    await asyncio.gather(*(_worker(sessions[each], each, kinds, seconds, barrier_s, seen) for each in range(workers)))
    seen.took_s, seen.used_s = time.monotonic() - barrier_s, cpu_s(pid) - used_s
    finished = tuple(SegmentFacts(number, name, Fate.FINISHED, 0, seconds) for number, name in enumerate(names))
    await _tell(link, RunFacts("r", 2, ledger, finished, "complete", "2026-01-01T01:00:00+00:00"))
    await asyncio.wait({watching}, timeout=PATIENCE_S)
    for task in (watching, looking):
        task.cancel()
    await asyncio.gather(watching, looking, return_exceptions=True)
    await asyncio.gather(*(session.close() for session in sessions))
    await link.close()
    return seen


async def _tell(link: GrpcAggregatorLink, facts: RunFacts) -> None:
    """Again and again, as a controller does."""
    while True:
        try:
            return await link.tell(facts)
        except LinkLost:
            await asyncio.sleep(1)


async def _worker(session: IntervalSession, segment: int, kinds: list[bytes], seconds: int, barrier_s: float, seen: Seen) -> None:
    hearing = asyncio.create_task(_hear(session, seconds, seen))
    # Engines end their seconds together, their processes hand them over when they get to it.
    offset_s = segment % 100 / 1000
    for number in range(seconds):
        due_s = barrier_s + number + 1 + offset_s
        await asyncio.sleep(max(due_s - time.monotonic(), 0))
        made = batch(segment, kinds[(segment + number) % KINDS], number, final=number == seconds - 1)
        await session.push(made)
        seen.late_s.append(time.monotonic() - due_s)
        seen.sent += 1
        seen.sent_bytes += len(made.counts)
    await asyncio.wait({hearing}, timeout=PATIENCE_S)
    hearing.cancel()


async def _hear(session: IntervalSession, seconds: int, seen: Seen) -> None:
    durable = 0
    try:
        while durable < seconds:
            ack = await session.acknowledged()
            seen.acknowledged += max(ack.durable - durable, 0)
            durable = max(ack.durable, durable)
    except ApibenchError:
        seen.broken += 1


async def _watch(link: GrpcAggregatorLink, barrier_s: float, seen: Seen) -> None:
    sealed_s = 0.0
    async for update in link.watch("r", -1):
        row = update.document
        if update.kind == "window" and row["state"] == "sealed" and row["start_s"] >= sealed_s:
            sealed_s = row["start_s"] + row["length_s"]
            seen.behind_s.append(time.monotonic() - barrier_s - sealed_s)


async def _look(pid: int, seen: Seen) -> None:
    while True:
        words = Path(f"/proc/{pid}/status").read_text()
        seen.memory_mib.append(int(words.partition("VmRSS:")[2].split()[0]) / 1024)
        await asyncio.sleep(1)


@contextmanager
def aggregator(url: str, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, str]]:
    """One on its own processor, with a controller that has nothing to do: process, address, an admin's token."""
    http, grpc, results = (f"127.0.0.1:{free_port()}" for _ in range(3))
    token = secrets.token_hex(16)
    environment = {**os.environ, "APIBENCH_TOKEN": token, "APIBENCH_STORE": url}
    processes = []
    with (folder / "log").open("wb") as log:
        for command, cpu, address in (
            (["controller", "--http", http, "--grpc", grpc], TARGET_CPU, http),
            (["aggregator", "--controller", grpc, "--grpc", results], GENERATOR_CPU, results),
        ):
            # No processor of another's, also not for the threads of its libraries.
            words = ["taskset", "-c", str(cpu), OURS, *command]
            processes.append(subprocess.Popen(words, env=environment, stdout=log, stderr=log))
            await_port(int(address.rpartition(":")[2]))
        try:
            yield processes[1], results, token
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(60)


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL as it comes, on the processor of the workers: the URL of an empty database."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parts[-2]))
    port = free_port()
    # It refuses to run as root.
    rights = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    with tempfile.TemporaryDirectory() as folder:
        if rights:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        data = f"{folder}/data"
        make = [programs / "initdb", "-D", data, "-U", "apibench", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run(make, check=True, capture_output=True, cwd="/", **rights)
        serve = ["taskset", "-c", str(TARGET_CPU), programs / "postgres", "-D", data, "-k", folder, "-h", "127.0.0.1", "-p", str(port)]
        server = subprocess.Popen(serve, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **rights)
        try:
            await_port(port)
            time.sleep(1)
            yield f"postgresql://apibench@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)
