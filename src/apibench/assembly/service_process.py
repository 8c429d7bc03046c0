"""A service as a process: its log, the signals that end it, and parts that stop together."""

import asyncio
import gc
import json
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

from apibench.model.exit_codes import ExitCode
from apibench.model.log_fields import LOG_FIELDS

COLLECT_AFTER = (50_000, 20, 20)
"""Objects after which cycles are looked for, and how often among older ones. A thousand workers have a hundred thousand
objects under way, and hardly a cycle: to look at them all after every 700 takes a seventh of an aggregator's time."""

ENDINGS = (signal.SIGINT, signal.SIGTERM)
Service = Callable[[asyncio.Event], Awaitable[None]]
"""Works until the event is set, then puts everything away and returns."""


def run_service(service: Service) -> ExitCode:
    """Run until SIGINT or SIGTERM; a second one ends the process at once."""
    _log_to_standard_error()
    # What was loaded stays to the end.
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    code = asyncio.run(_run(service))
    # All is put away. Whoever asks for the end in these last moments is not to see it end by a signal.
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    return code


async def _run(service: Service) -> ExitCode:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hear(number: signal.Signals) -> None:
        if told.is_set():
            # Whoever asks twice does not want to wait for anything.
            os._exit(128 + number)
        told.set()

    for number in ENDINGS:
        loop.add_signal_handler(number, hear, number)
    await service(told)
    return ExitCode.PASSED


async def together(told: asyncio.Event, *parts: Coroutine[Any, Any, Any]) -> None:
    """Run all parts until told; then cancel them. A part that fails ends the others, and its error is raised."""
    tasks = [asyncio.create_task(part) for part in parts]
    waiting = asyncio.create_task(told.wait())
    try:
        await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        failed = [task for task in tasks if task.done()]
    finally:
        for task in (waiting, *tasks):
            task.cancel()
        await asyncio.gather(waiting, *tasks, return_exceptions=True)
    for task in failed:
        task.result()


def holder() -> str:
    """Name this process, as others are to know it: its host, its number, and something that no other ever had."""
    return f"{socket.gethostname()}.{os.getpid()}.{secrets.token_hex(4)}"


def is_gone(other: str) -> bool:
    """Whether a process of that name is known to have ended: only one of this host can be."""
    host, number, _ = other.rsplit(".", 2) if other.count(".") >= 2 else ("", "", "")
    if host != socket.gethostname() or not number.isdigit():
        return False
    if int(number) == os.getpid():
        # An earlier one that had our number, as in a container that was started again.
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass  # it is there, and another user's
    return False


def say(text: str) -> None:
    """A line for whoever has started the service."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


class _JsonLines(logging.Formatter):
    """One object a line, in the words of the REST face's log."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "event": record.getMessage(), "from": record.name}
        line.update(_fields(record))
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class _Words(logging.Formatter):
    """A line of words for a person, and behind it where an error came from."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        about = ", ".join(f"{name.removesuffix('_id')} {value}" for name, value in _fields(record).items())
        words = f"{about}: {record.getMessage()}" if about else record.getMessage()
        line = f"{self.formatTime(record, '%H:%M:%S')} {record.levelname} {words}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """What it is about."""
    return {name: getattr(record, name) for name in LOG_FIELDS if hasattr(record, name)}


def _log_to_standard_error() -> None:
    handler = logging.StreamHandler()
    # For a person one line of words, for whatever collects logs one object.
    handler.setFormatter(_Words() if sys.stderr.isatty() else _JsonLines())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("apibench").setLevel(logging.INFO)
