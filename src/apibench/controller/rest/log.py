"""What the REST face writes of itself: JSON lines without secrets."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from apibench.controller.audit import Deed
from apibench.model.plain_detail import clean_detail

INFO = 20


def json_log(stream: TextIO) -> FilteringBoundLogger:
    """A log that writes one JSON object a line: `at`, `level`, `event` and what belongs to it."""
    log: Any = structlog.wrap_logger(
        structlog.WriteLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            _without_secrets,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(INFO),
        context_class=dict,
    )
    return cast("FilteringBoundLogger", log.bind())


def unwritten_deeds(log: FilteringBoundLogger) -> Callable[[Deed], None]:
    """Where deeds go at once that the audit log could not take yet."""

    def tell(deed: Deed) -> None:
        run = {"run_id": deed.subject} if deed.action.startswith("run.") else {}
        log.error("audit.unwritten", **run, deed=asdict(deed))

    return tell


def _without_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return clean_detail(event)
