"""The file is read from real servers, which may answer whatever they like, or nothing."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from apibench.controller import proof_file
from apibench.controller.proof_file import lines_at
from apibench.engine.echo_server import EchoServer
from apibench.model.host import Host
from apibench.model.proof import Way, way_to

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def serving(*answers: bytes, hangs: bool = False) -> AsyncIterator[tuple[Way, list[bytes]]]:
    """A server on loopback that says this, piece by piece, and keeps what it was asked."""
    asked: list[bytes] = []
    over = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            for piece in answers:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if hangs:
                await over.wait()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield way_to(Host(base_url=f"http://shop.example:{port}/v1")), asked
    finally:
        over.set()
        server.close()
        await server.wait_closed()


async def test_its_lines_are_read_and_it_is_asked_by_its_name() -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving(chunked, b"5\r\n# of \r\n", b"c\r\nours\r\n one \n\r\n0\r\n\r\n", hangs=True) as (way, asked):
        assert await lines_at(way, "127.0.0.1") == ["# of ours", "one"]
    head = asked[0].decode().splitlines()
    assert head[0] == "GET /.well-known/apibench.txt HTTP/1.1"
    assert f"Host: {way.authority}" in head


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status 404"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\n\r\n", "status 302"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5_000, "larger than 4 KiB"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "speaks no http"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 50_000, "speaks no http"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "speaks no http"),
        (b"", "speaks no http|hangs up"),
    ],
)
async def test_what_is_no_such_file_is_told_in_words(answer: bytes, why: str) -> None:
    async with serving(answer) as (way, _):
        with pytest.raises(OSError, match=why):
            await lines_at(way, "127.0.0.1")


async def test_nobody_is_waited_for_longer_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof_file, "PATIENCE_S", 0.1)
    async with serving(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", hangs=True) as (way, _):
        with pytest.raises(OSError, match="no answer within"):
            await lines_at(way, "127.0.0.1")


async def test_nobody_there_and_no_tls_are_told_in_words() -> None:
    with EchoServer(http="127.0.0.1:0") as target:
        way = way_to(Host(base_url=f"https://shop.example:{urlsplit(target.address).port}"))
        with pytest.raises(OSError, match="speaks no https"):
            await lines_at(way, "127.0.0.1")
    with pytest.raises(OSError, match=r"(?i)connect"):
        await lines_at(way, "127.0.0.1")


async def test_whose_certificate_it_is_does_not_matter() -> None:
    with EchoServer(tls=True) as target:
        port = urlsplit(target.address).port
        assert await lines_at(way_to(Host(base_url=f"https://shop.example:{port}")), "127.0.0.1") == ["ok"]
