"""What only a network has: tokens, certificates, ports, peers of other releases, servers that stop."""

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import grpc
import grpc.aio
import pytest

from apibench.model.aggregation import ResultQuery, RunFacts, RunOpening, RunUpdate
from apibench.model.batch import IntervalAck, IntervalBatch, Pushed
from apibench.model.control import Heartbeat, Lease
from apibench.model.errors import CertificatesUnusable, LinkLost, NotFound, Refused, UsageError
from apibench.model.ledger import Ledger
from apibench.wire.certificates import new_authority, new_credential, now_utc
from apibench.wire.grpc_aggregation import GrpcAggregatorLink
from apibench.wire.grpc_control import GrpcControllerLink, serve_worker_control
from apibench.wire.grpc_directory import GrpcDirectoryLink
from apibench.wire.grpc_results import GrpcIntervalSink, serve_results
from apibench.wire.grpc_server import GrpcServer
from apibench.wire.messages import CONTROLLER_SAYS, WORKER_SAYS
from apibench.wire.seam import WorkerSession
from apibench.wire.security import Security

PLAIN, WORKER, ADMIN = Security(), Security(token="of a worker"), Security(token="of an admin")
LATER_RELEASE = b"\xa2\x06\x00"
"""A message of a kind that has the number 100."""


async def authorize(token: str, role: str) -> None:
    """As a controller does it, with two tokens: an admin's may do all."""
    if token == "of an admin" or (token, role) == ("of a worker", "worker"):
        return
    raise Refused(f"this token is none of a{'n' if role == 'admin' else ''} {role} — für niemand", "Ask for another.")


class Services:
    """A controller and an aggregator that answer everything."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.announced: list[tuple[str, int]] = []

    async def converse(self, session: WorkerSession) -> None:
        try:
            while True:
                said = await session.receive()
                assert isinstance(said, Heartbeat)
                await session.send(Lease(said.number))
        except LinkLost:
            self.over.set()

    async def announce(self, address: str, shard: int) -> int:
        self.announced.append((address, shard))
        return 7

    async def take(self, pushed: Pushed) -> IntervalAck:
        assert isinstance(pushed, IntervalBatch)
        return IntervalAck(pushed.run_id, pushed.segment, pushed.number + 1)

    async def open_run(self, opening: RunOpening) -> None:
        pass

    async def tell(self, facts: RunFacts) -> None:
        pass

    async def watch(self, run_id: str, after: int) -> AsyncIterator[RunUpdate]:
        yield RunUpdate(after + 1, "window", {"run": run_id})
        await asyncio.Event().wait()

    async def missing(self, run_id: str) -> tuple[int, ...]:
        return () if run_id else (1,)

    async def result(self, run_id: str, query: ResultQuery) -> dict[str, object]:
        return {"run": run_id, "whole": query.whole}


@asynccontextmanager
async def controller(security: Security = PLAIN, address: str = "127.0.0.1:0") -> AsyncIterator[GrpcServer]:
    services = Services()
    server = await serve_worker_control(services, services.announce, address, security, authorize)
    yield server
    await server.stop(0.5)


@asynccontextmanager
async def aggregator() -> AsyncIterator[GrpcServer]:
    services = Services()
    server = await serve_results(services, services, "127.0.0.1:0", Security(), authorize)
    yield server
    await server.stop(0.5)


@pytest.mark.asyncio
async def test_a_token_that_does_not_do_is_refused_everywhere_with_its_reason() -> None:
    bad = Security(token="nobody's")
    async with controller() as one, aggregator() as other:
        directory, link = GrpcDirectoryLink(one.address, bad), GrpcAggregatorLink(other.address, WORKER)
        with pytest.raises(Refused, match="none of a worker — für niemand") as refusal:
            await GrpcControllerLink(one.address, bad).attach()
        assert refusal.value.hint == "Ask for another."
        with pytest.raises(Refused, match="none of a worker"):
            await GrpcIntervalSink(other.address, bad).open()
        with pytest.raises(Refused, match="none of an admin"):
            await directory.announce("127.0.0.1:8092")
        for call in (
            link.open_run(RunOpening("r1", "{}", "")),
            link.tell(RunFacts("r1", 1, Ledger(), ())),
            link.missing("r1"),
            link.result("r1", ResultQuery()),
            anext(aiter(link.watch("r1", 0))),
        ):
            with pytest.raises(Refused, match="none of an admin"):
                await call
        await directory.close()
        await link.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("token", ["", "two words\n", "größe"])
async def test_no_token_and_what_is_none_are_refused(token: str) -> None:
    async with controller() as server:
        with pytest.raises(Refused, match="token"):
            await GrpcControllerLink(server.address, Security(token=token)).attach()


@pytest.mark.asyncio
async def test_nobody_there_is_a_lost_link() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        link, directory = GrpcAggregatorLink(address, ADMIN), GrpcDirectoryLink(address, ADMIN)
        with pytest.raises(LinkLost):
            await GrpcControllerLink(address, WORKER).attach()
        with pytest.raises(LinkLost):
            await GrpcIntervalSink(address, WORKER).open()
        with pytest.raises(LinkLost):
            await link.missing("r1")
        with pytest.raises(LinkLost):
            await directory.announce("127.0.0.1:1")
        await link.close()
        await directory.close()


@pytest.mark.asyncio
async def test_a_service_that_came_later_is_found_by_the_same_link() -> None:
    async with aggregator() as server:
        address = server.address
    services, link = Services(), GrpcAggregatorLink(address, ADMIN)
    with pytest.raises(LinkLost):
        await link.missing("r1")
    server = await serve_results(services, services, address, Security(), authorize)
    for _ in range(100):
        try:
            assert await link.missing("r1") == ()
            break
        except LinkLost:
            await asyncio.sleep(0.05)
    else:
        pytest.fail("it was never found")
    await link.close()
    await server.stop(0.5)


@pytest.mark.asyncio
async def test_an_aggregator_is_known_to_the_controller_once_it_has_said_so() -> None:
    services = Services()
    server = await serve_worker_control(services, services.announce, "127.0.0.1:0", Security(), authorize)
    directory = GrpcDirectoryLink(server.address, ADMIN)
    assert await directory.announce("[::1]:8092", 3) == 7
    for address in ("nowhere", "", ":80", "host:99999", "host:x", f"{'h' * 300}:80"):
        with pytest.raises(Refused):
            await directory.announce(address)
    assert services.announced == [("[::1]:8092", 3)]
    await directory.close()
    with pytest.raises(LinkLost):
        await directory.announce("[::1]:8092", 3)
    await server.stop(0.5)


@pytest.mark.asyncio
async def test_a_server_that_stops_ends_all_conversations_and_is_gone() -> None:
    services = Services()
    server = await serve_worker_control(services, services.announce, "127.0.0.1:0", Security(), authorize)
    results = await serve_results(services, services, "127.0.0.1:0", Security(), authorize)
    session = await GrpcControllerLink(server.address, WORKER).attach()
    stream = await GrpcIntervalSink(results.address, WORKER).open()
    link = GrpcAggregatorLink(results.address, ADMIN)
    updates = link.watch("r1", 0)
    assert await anext(updates) == RunUpdate(1, "window", {"run": "r1"})
    # A grace far longer than this test may last: nobody has to be cut off.
    await asyncio.gather(server.stop(50), results.stop(50))
    assert services.over.is_set()
    with pytest.raises(LinkLost):
        await session.receive()
    with pytest.raises(LinkLost):
        await stream.acknowledged()
    with pytest.raises(LinkLost):
        await anext(updates)
    with pytest.raises(LinkLost):
        await GrpcControllerLink(server.address, WORKER).attach()
    await session.close()
    await stream.close()
    await link.close()


@pytest.mark.asyncio
async def test_what_a_later_release_says_is_skipped_and_nonsense_is_refused_by_name() -> None:
    async with controller() as server, grpc.aio.insecure_channel(server.address) as channel:
        start: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
            "/apibench.v1.WorkerControl/Attach"
        )
        call = start(metadata=(("authorization", "Bearer of a worker"),))
        for data in (LATER_RELEASE, b"", WORKER_SAYS.to_bytes(Heartbeat(3, 1))):
            await call.write(data)
        answer = await call.read()
        assert isinstance(answer, bytes)
        assert CONTROLLER_SAYS.from_bytes(answer) == Lease(3)
        await call.write(b"\xff\xff")
        with pytest.raises(grpc.aio.AioRpcError, match="no AttachRequest") as failure:
            await call.read()
        assert failure.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.asyncio
async def test_a_message_that_is_too_large_ends_its_stream_and_no_other() -> None:
    async with controller() as server, grpc.aio.insecure_channel(server.address) as channel:
        whole = await GrpcControllerLink(server.address, WORKER).attach()
        start: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(
            "/apibench.v1.WorkerControl/Attach"
        )
        call = start(metadata=(("authorization", "Bearer of a worker"),))
        await call.write(b"x" * (5 << 20))
        with pytest.raises(grpc.aio.AioRpcError, match="larger than max"):
            await call.read()
        await whole.send(Heartbeat(1, 1))
        assert await whole.receive() == Lease(1)
        await whole.close()


@pytest.mark.asyncio
async def test_a_method_of_a_later_release_is_refused() -> None:
    async with controller() as server:
        link = GrpcAggregatorLink(server.address, ADMIN)
        with pytest.raises(Refused):
            await link.missing("r1")
        await link.close()


@pytest.mark.asyncio
async def test_a_port_that_is_taken_is_said_so_and_never_shared() -> None:
    async with controller() as server:
        with pytest.raises(UsageError, match="can't listen"):
            async with controller(address=server.address):
                pass


@pytest.mark.asyncio
async def test_plain_text_leaves_this_machine_only_if_that_is_wanted() -> None:
    with pytest.raises(UsageError, match="plain text"):
        async with controller(address="0.0.0.0:0"):
            pass
    with pytest.raises(UsageError, match="plain text"):
        await GrpcControllerLink("192.0.2.1:8091", WORKER).attach()
    async with controller(Security(insecure=True), "0.0.0.0:0") as server:
        session = await GrpcControllerLink(f"127.0.0.1:{server.address.rpartition(':')[2]}", WORKER).attach()
        await session.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA, and certificates of it: good, expired, of another name. And another CA with one of its own."""
    folder, now = tmp_path_factory.mktemp("certificates"), now_utc()
    ca, other, here = new_authority(now, 9), new_authority(now, 9), ["localhost", "127.0.0.1"]
    made = {
        "ca": ca,
        "other-ca": other,
        "ours": new_credential(ca, "ours", here, now, 5),
        "expired": new_credential(ca, "expired", here, now - timedelta(days=7), 5),
        "elsewhere": new_credential(ca, "elsewhere", ["elsewhere.example"], now, 5),
        "strange": new_credential(other, "strange", here, now, 5),
    }
    for name, each in made.items():
        (folder / f"{name}.pem").write_bytes(each.certificate_pem)
        (folder / f"{name}.key").write_bytes(each.key_pem)
    return folder


def shown(certificates: Path, name: str, ca: str = "ca") -> Security:
    """A worker's security that shows that certificate."""
    return Security(
        "of a worker", certificates / f"{ca}.pem", certificates / f"{name}.pem", certificates / f"{name}.key"
    )


@pytest.mark.asyncio
async def test_with_certificates_both_ends_prove_who_they_are(certificates: Path) -> None:
    async with controller(shown(certificates, "ours")) as server:
        session = await GrpcControllerLink(server.address, shown(certificates, "ours")).attach()
        await session.send(Heartbeat(1, 1))
        assert await session.receive() == Lease(1)
        await session.close()
        for client in (WORKER, shown(certificates, "strange")):
            with pytest.raises(LinkLost, match="ended the connection before anything was said") as lost:
                await GrpcControllerLink(server.address, client).attach()
            assert "of the CA that it trusts" in lost.value.hint
        with pytest.raises(LinkLost, match="its certificate is of another CA"):
            await GrpcControllerLink(server.address, shown(certificates, "ours", "other-ca")).attach()


@pytest.mark.asyncio
async def test_a_server_of_another_name_or_without_certificates_is_refused_in_words(certificates: Path) -> None:
    for security, says in (
        (shown(certificates, "elsewhere"), "its certificate is of another name"),
        (PLAIN, "it speaks plain text"),
    ):
        async with controller(security) as server:
            link = GrpcAggregatorLink(server.address, shown(certificates, "ours"))
            with pytest.raises(LinkLost, match=says) as lost:
                await link.missing("r1")
            assert lost.value.message.startswith(server.address)
            await link.close()


@pytest.mark.asyncio
async def test_a_certificate_that_has_expired_is_used_at_neither_end(
    certificates: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expired = shown(certificates, "expired")
    with pytest.raises(CertificatesUnusable, match=r"expired\.pem: the certificate expired on"):
        async with controller(expired):
            pass
    async with controller(shown(certificates, "ours")) as server:
        with pytest.raises(CertificatesUnusable, match=r"expired\.pem: the certificate expired on"):
            await GrpcControllerLink(server.address, expired).attach()
    # One that has expired while its service ran.
    with monkeypatch.context() as patch:
        patch.setattr("apibench.wire.certificates.now_utc", lambda: now_utc() - timedelta(days=4))
        server = await serve_worker_control(Services(), Services().announce, "127.0.0.1:0", expired, authorize)
    with pytest.raises(LinkLost, match="its certificate has expired"):
        await GrpcControllerLink(server.address, shown(certificates, "ours")).attach()
    await server.stop(0.5)


@pytest.mark.asyncio
async def test_certificates_that_are_missing_are_said_so(certificates: Path) -> None:
    with pytest.raises(UsageError, match="only some"):
        async with controller(Security(ca_file=certificates / "ca.pem")):
            pass
    with pytest.raises(CertificatesUnusable, match="nowhere"):
        async with controller(Security("", *(certificates / "nowhere",) * 3)):
            pass


@pytest.mark.asyncio
async def test_a_run_that_is_not_there_is_not_found() -> None:
    class Empty(Services):
        async def result(self, run_id: str, query: ResultQuery) -> dict[str, object]:
            assert query.whole
            raise NotFound(f"there is no run {run_id}", "See `apibench runs`.")

    server = await serve_results(Empty(), Empty(), "127.0.0.1:0", Security(), authorize)
    link = GrpcAggregatorLink(server.address, ADMIN)
    with pytest.raises(NotFound) as missing:
        await link.result("r1", ResultQuery())
    assert (missing.value.message, missing.value.hint) == ("there is no run r1", "See `apibench runs`.")
    await link.close()
    await server.stop(0.5)


def test_a_local_run_loads_no_grpc() -> None:
    script = "import sys, json, apibench.cli.app, apibench.wire.in_process; print(json.dumps(list(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    loaded = set(json.loads(ended.stdout))
    assert {"grpc", "google.protobuf"} & loaded == set()
    assert "apibench.wire.in_process" in loaded
