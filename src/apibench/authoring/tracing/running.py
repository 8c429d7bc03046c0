"""Runs a function of a scenario to see what it does, and tells two runs of it apart."""

import inspect
from collections.abc import Callable
from typing import Any

from apibench.authoring.tracing.trace import Trace
from apibench.authoring.tracing.trouble import Spot, not_traceable, spot_of
from apibench.authoring.tracing.user import User
from apibench.model.errors import NotTraceable


def run_function(function: Callable[[User], object], user: User, running: Trace, spot: Spot) -> object:
    """
    Run it; what it returns. `spot`: where its scenario stands.

    Raises NotTraceable for an error in it. What can't be traced in it is kept by the trace, even if it is caught.
    """
    try:
        result = function(user)
    except NotTraceable:
        return None
    except (Exception, SystemExit) as error:
        raise running.trouble or _raised(error, spot) from error
    if inspect.iscoroutine(result):
        result.close()
    if inspect.iscoroutine(result) or inspect.isgenerator(result) or inspect.isasyncgen(result):
        remedy = "Write:  def, without async and yield."
        message = f"`{getattr(function, '__name__', 'it')}` is run when it is loaded, and so a plain function"
        raise not_traceable("AB140", spot, message, remedy)
    return result


def difference(first: Any, second: Any) -> Spot | None:
    """The first step in which two traces differ."""
    if isinstance(first, list) and isinstance(second, list):
        for one, other in zip(first, second, strict=False):
            if one != other:
                return difference(one, other)
        return difference((first or second)[-1], None) if len(first) != len(second) else None
    if not isinstance(first, dict) or "source" not in first:
        return None
    for word in ("steps", "otherwise", "cases"):
        inner = difference(first.get(word), second.get(word)) if isinstance(second, dict) else None
        if inner is not None:
            return inner
    return spot_of(first["source"])


def _raised(error: BaseException, scenario: Spot) -> NotTraceable:
    spot, frame = scenario, error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == scenario.file:
            spot = Spot(scenario.file, frame.tb_lineno, 1, 1)
        frame = frame.tb_next
    message = f"{type(error).__name__} while the scenario was loaded: {error}"
    return not_traceable("AB150", spot, message, "Mend the function; it is run once to see what it does.")
