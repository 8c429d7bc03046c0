"""Asks one address of a target for the file that proves whose it is. Follows nobody, and reads little."""

import asyncio
import contextlib
import ssl

import h11

from apibench.model.proof import PATH, Way

PATIENCE_S = 5.0
"""For all of it: the file of a target that is to be loaded comes sooner."""
MAX_FILE = 4 * 1024


async def lines_at(way: Way, address: str) -> list[str]:
    """
    What the file says there, line by line.

    Raises OSError in words for what is no such file: nobody answers, another status, more than a few lines.
    """
    try:
        async with asyncio.timeout(PATIENCE_S):
            content = await _content(way, address)
    except TimeoutError as error:
        message = f"no answer within {PATIENCE_S:g} s"
        raise OSError(message) from error
    except (h11.RemoteProtocolError, ssl.SSLError) as error:
        message = f"what answers speaks no {way.scheme}"
        raise OSError(message) from error
    return [line.strip() for line in content.decode("utf-8", "replace").splitlines()]


async def _content(way: Way, address: str) -> bytes:
    reader, writer = await asyncio.open_connection(
        address,
        way.to_port,
        ssl=_unchecked() if way.scheme == "https" else None,
        server_hostname=way.name if way.scheme == "https" else None,
    )
    try:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=16 * 1024)
        headers = [("Host", way.authority), ("User-Agent", "apibench"), ("Connection", "close")]
        asked = h11.Request(method="GET", target=PATH, headers=headers)
        writer.write((connection.send(asked) or b"") + (connection.send(h11.EndOfMessage()) or b""))
        await writer.drain()
        return await _body(connection, reader)
    finally:
        # Not politely: a farewell of TLS may be waited for by whoever does not give it.
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _body(connection: h11.Connection, reader: asyncio.StreamReader) -> bytes:
    content = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(MAX_FILE))
        elif isinstance(event, h11.Response) and event.status_code != 200:
            message = f"status {event.status_code}"
            raise OSError(message)
        elif isinstance(event, h11.Data):
            content += event.data
            if len(content) > MAX_FILE:
                message = f"it is larger than {MAX_FILE // 1024} KiB"
                raise OSError(message)
        elif isinstance(event, h11.EndOfMessage):
            return content
        elif isinstance(event, h11.ConnectionClosed):
            message = "it hangs up"
            raise OSError(message)


def _unchecked() -> ssl.SSLContext:
    """What is proven is who answers at an address, by a line; whose certificate it shows says nothing about that."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
