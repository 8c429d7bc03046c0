"""What all gRPC services have in common: the port, who may come in, how errors are told, how they stop."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import grpc
import grpc.aio

from apibench.model.errors import ApibenchError, NotFound, Refused, UsageError
from apibench.wire.codec import Malformed
from apibench.wire.grpc_channel import HINT, PACKAGE, SERVER_OPTIONS
from apibench.wire.mailbox import lost
from apibench.wire.security import Authorize, Security

logger = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
MAX_WORDS = 1_000
"""Of an error: metadata have 8 KiB in all."""


class GrpcServer:
    """A port with services behind it."""

    def __init__(self, authorize: Authorize) -> None:
        self.address = ""
        """HOST:PORT, with the port that it really has."""
        self.stopping = asyncio.Event()
        self._authorize = authorize
        self._server = grpc.aio.server(options=SERVER_OPTIONS)
        self._endings: set[Callable[[], None]] = set()
        self._works: set[asyncio.Task[None]] = set()

    def add(self, service: str, methods: "Mapping[str, grpc.RpcMethodHandler[bytes, bytes]]") -> None:
        """A service, before the start."""
        handler = grpc.method_handlers_generic_handler(f"{PACKAGE}.{service}", dict(methods))
        self._server.add_generic_rpc_handlers((handler,))

    async def start(self, address: str, security: Security) -> None:
        """Listen. Raises UsageError where that can't be, CertificatesUnusable."""
        host, _, _ = address.rpartition(":")
        try:
            if security.encrypts:
                ca, certificate, key = security.certificates()
                credentials = grpc.ssl_server_credentials(
                    [(key, certificate)], root_certificates=ca, require_client_auth=True
                )
                port = self._server.add_secure_port(address, credentials)
            else:
                security.check_plain_text(address)
                port = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise UsageError(f"can't listen on {address}", "Is the port taken, or the address another's?") from error
        await self._server.start()
        self.address = f"{host}:{port}"

    async def stop(self, grace_s: float) -> None:
        """Take nothing more, end all streams politely, and after that time with force."""
        self.stopping.set()
        for end in tuple(self._endings):
            end()
        await self._server.stop(grace_s)
        for work in self._works:
            work.cancel()
        await asyncio.gather(*self._works, return_exceptions=True)

    async def admit(self, context: Context, role: str) -> None:
        """Let in who may come in. Raises Refused, or ends the call where there is no token at all."""
        metadata = dict(context.invocation_metadata() or ())
        kind, _, token = str(metadata.get("authorization", "")).partition(" ")
        if kind != "Bearer" or not token:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "there is no token", _hint("Give APIBENCH_TOKEN."))
        await self._authorize(token, role)

    async def accept(self, context: Context, role: str) -> None:
        """Let in who may come in, and say so: who opens a stream waits for it."""
        await self.admit(context, role)
        await context.send_initial_metadata(())

    @contextmanager
    def ended_by(self, end: Callable[[], None]) -> Iterator[None]:
        """Within, something goes on that is told when the server stops."""
        self._endings.add(end)
        try:
            yield
        finally:
            self._endings.discard(end)

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Work that may outlive its call, but not the server."""
        task = asyncio.create_task(work)
        self._works.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._works.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, ApibenchError):
            logger.error("a conversation broke", exc_info=error)


@asynccontextmanager
async def errors_told(context: Context) -> AsyncIterator[None]:
    """What is raised within becomes the status of the call."""
    try:
        yield
    except NotFound as error:
        await _tell(context, grpc.StatusCode.NOT_FOUND, error)
    except Refused as error:
        await _tell(context, grpc.StatusCode.PERMISSION_DENIED, error)
    except UsageError as error:
        await _tell(context, grpc.StatusCode.INVALID_ARGUMENT, error)
    except ApibenchError as error:
        await _tell(context, grpc.StatusCode.UNAVAILABLE, error)
    except Malformed as error:
        hint = _hint("Are both sides of the same version?")
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error)[:MAX_WORDS], hint)
    except grpc.aio.AbortError:
        raise
    except Exception:
        logger.exception("a call broke")
        await context.abort(grpc.StatusCode.INTERNAL, "the other service failed", _hint("See its log."))


async def until_stopped(stopping: asyncio.Event, following: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """What comes of an iterator. Raises LinkLost as soon as the server stops."""
    stopped = asyncio.create_task(stopping.wait())
    try:
        while True:
            coming = asyncio.ensure_future(anext(following))
            try:
                await asyncio.wait({coming, stopped}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not coming.done():
                    coming.cancel()
                    await asyncio.gather(coming, return_exceptions=True)
            if coming.cancelled():
                raise lost("the other service is stopping")
            try:
                yield coming.result()
            except StopAsyncIteration:
                return
    finally:
        stopped.cancel()


async def _tell(context: Context, code: grpc.StatusCode, error: ApibenchError) -> None:
    await context.abort(code, error.message[:MAX_WORDS], _hint(error.hint))


def _hint(text: str) -> tuple[tuple[str, bytes], ...]:
    return ((HINT, text[:MAX_WORDS].encode()),)
