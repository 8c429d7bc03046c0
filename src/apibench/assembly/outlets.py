"""Where sealed windows are sent to, if somebody has asked for it."""

import asyncio
from typing import TYPE_CHECKING

from apibench.model.errors import UsageError

if TYPE_CHECKING:
    from apibench.assembly.otlp_outlet import OtlpOutlet


def outlet_to(otlp: str | None) -> "OtlpOutlet | None":
    """
    The way to an OpenTelemetry collector; None without a URL.

    Raises UsageError for what is no URL, and where the library is not installed.
    """
    if not otlp:
        return None
    try:
        from apibench.assembly.otlp_outlet import OtlpOutlet  # noqa: PLC0415 - an extra: who asks for it has it
    except ModuleNotFoundError as error:
        raise UsageError(
            "--otlp needs OpenTelemetry's exporter, which is not installed", "Do: pip install 'api-benchmark[otel]'."
        ) from error
    return OtlpOutlet(otlp)


async def put_away(outlet: "OtlpOutlet | None") -> None:
    """Let windows that wait still be sent, for a short while."""
    if outlet is not None:
        await asyncio.to_thread(outlet.close)
