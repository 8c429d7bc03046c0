"""Functions that scenarios have called while the load runs: which can be found by their names in another process."""

import inspect
import sys
from collections.abc import Callable, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from apibench.authoring.tracing import trace
from apibench.authoring.tracing.late import Late
from apibench.authoring.tracing.trouble import Spot, not_traceable
from apibench.model.callee import Callee
from apibench.model.errors import NotTraceable
from apibench.model.part import MAX_NAME


def callee_of(function: Any) -> Callee:
    """
    Where another process finds a function.

    Raises NotTraceable for what none could: lambdas, functions within functions, methods of instances, coroutines, and
    whatever its own name does not lead to.
    """
    if not callable(function):
        kind = "late value" if isinstance(function, Late) else type(function).__name__
        message = f"`u.py` calls a function, and not a {kind}"
        remedy = "Name the function, and behind it what it is given:  u.py(sign, order.text)"
        raise trace.refused("AB140", message, remedy)
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if isinstance(function, type) or not isinstance(module, str) or not isinstance(name, str):
        kind = "a class" if isinstance(function, type) else f"an object of {type(function).__name__}"
        raise _refused(f"{kind} is no function")
    if "<lambda>" in name:
        raise _refused("a lambda has no name")
    if "<locals>" in name:
        raise _refused(f"`{function.__name__}` stands within another function")
    if inspect.ismethod(function) and not isinstance(function.__self__, type):
        raise _refused(f"`{name}` is the method of an object, of which another process has none")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise _refused(f"`{name}` is a coroutine, and another process would have nobody to await it")
    if inspect.isgeneratorfunction(function):
        raise _refused(f"`{name}` is a generator, and what it makes is no value of JSON")
    if len(name) > MAX_NAME or _found(module, name) != function:
        raise _refused(f"`{module}.{name}` is not this function, but another one or none")
    return Callee(module, _file_of(module, name, _refused), name, tuple(sys.path))


def callee_of_user(user: object, function: Callable[..., object], spot: Spot) -> Callee:
    """
    Where another process finds a user in Python: what its decorator has made of a function, under the name of that or
    any other of its module. `spot`: of the decorator.

    Raises NotTraceable where it has none.
    """

    def refused(message: str) -> NotTraceable:
        remedy = "Put the decorator right above a function of a file, outside of other functions, and none above it."
        return not_traceable("AB141", spot, message, remedy)

    module, written = function.__module__, function.__qualname__
    known = vars(sys.modules[module]) if module in sys.modules else {}
    names = (written, *(name for name, value in known.items() if value is user))
    name = next((each for each in names if len(each) <= MAX_NAME and _found(module, each) is user), None)
    if name is None and "<locals>" in written:
        raise refused(f"`{function.__name__}` stands within another function, and another process looks it up by name")
    if name is None:
        raise refused(f"no name of `{module}` leads to this user, and another process looks it up by name")
    return Callee(module, _file_of(module, name, refused), name, tuple(sys.path))


def check_arguments(function: Any, values: Sequence[Any]) -> None:
    """Raises NotTraceable where a function does not take so many."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # of a function in C, which need not tell
    try:
        signature.bind(*values)
    except TypeError as error:
        message = f"`{function.__qualname__}{signature}` can't be called like this: {error}"
        raise trace.refused("AB140", message, "Give it what it takes.") from error


def _found(module: str, name: str) -> Any:
    try:
        return reduce(getattr, name.split("."), sys.modules[module])
    except (KeyError, AttributeError):
        return None


def _file_of(module: str, name: str, refused: Callable[[str], NotTraceable]) -> str | None:
    """What is loaded in place of a module that can't be imported: a file of scenarios, or the script that is run."""
    if module != "__main__" and _can_be_imported(module):
        return None
    file = getattr(sys.modules[module], "__file__", None)
    if file is None or not Path(file).is_file():
        raise refused(f"`{name}` stands in no file that another process could load")
    return str(Path(file).absolute())


def _can_be_imported(module: str) -> bool:
    """Whether its name leads to it; what has been loaded is in the way of asking for it whole."""
    package = module.partition(".")[0]
    finders = (getattr(finder, "find_spec", None) for finder in sys.meta_path)
    return any(find is not None and find(package, None) is not None for find in finders)


def _refused(message: str) -> NotTraceable:
    return trace.refused("AB141", message)
