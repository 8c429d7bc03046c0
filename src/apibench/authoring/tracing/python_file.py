"""A plan from a file of Python: `shopper.py`, or `shopper.py:browse` for one of its scenarios."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType

from apibench.authoring.file_names import as_seen
from apibench.authoring.tracing.any_scenario import AnyScenario
from apibench.authoring.tracing.loads import NO_ENDS, Ends
from apibench.authoring.tracing.scenario_plan import scenario_plan
from apibench.authoring.tracing.trouble import Spot, not_traceable
from apibench.model.callee import Callee
from apibench.model.errors import NotTraceable, PlanUnreadable
from apibench.model.plan import Plan
from apibench.model.suggestion import did_you_mean

ENDING = ".py"


def is_python(target: str) -> bool:
    """Whether a target names a file of Python, or a scenario in one."""
    file, _, _ = target.rpartition(":")
    return target.endswith(ENDING) or file.endswith(ENDING)


def scenario_file(target: str) -> tuple[str, str | None]:
    """The file that a target names, and which scenario of it; None for all of them."""
    if target.endswith(ENDING):
        return target, None
    file, _, name = target.rpartition(":")
    return file, name


def read_python(target: str, ends: Ends = NO_ENDS, callees: dict[str, Callee] | None = None) -> Plan:
    """
    Load a file, run the functions of its scenarios twice each that are traced, and make a plan of them.

    The file is Python and is run: load only what you would run. `ends`: of loads that say none themselves. `callees`
    takes the functions that are called while the load runs.

    Raises:
        PlanUnreadable: no such file, no scenario in it, or none of that name.
        NotTraceable: with the place in the file.
        PlanInvalid: with all faults, each at the line of its step.
    """
    file, name = scenario_file(target)
    path = Path(file).absolute()
    if not path.is_file():
        raise PlanUnreadable(f"{file} can't be read: no such file", "Check the name.")
    with importing_beside(path):
        scenarios = _named(import_file(path))
        chosen = [each for each in scenarios if name is None or each.name == name]
        if not chosen:
            remedy = "Put @scenario(base_url=...) above a function that takes a user."
            if name is not None and scenarios:
                known = [each.name for each in scenarios]
                raise PlanUnreadable(f"{file}: no scenario is called '{name}'", did_you_mean(name, known))
            raise PlanUnreadable(f"{file}: no function of it is a scenario", remedy)
        return scenario_plan(path.stem, chosen, ends, callees)


@contextmanager
def importing_beside(path: Path) -> Iterator[None]:
    """As for `python FILE`, modules beside it can be imported; by its functions too, which are run later."""
    folder = str(path.resolve().parent)
    added = folder not in sys.path
    if added:
        sys.path.insert(0, folder)
    try:
        yield
    finally:
        if added:
            with suppress(ValueError):
                sys.path.remove(folder)


def import_file(path: Path) -> ModuleType:
    """
    The module of a file of scenarios, which is run.

    Raises PlanUnreadable for what is no Python, NotTraceable for what raises.
    """
    # A name without a dot: pickle would import what stands before it.
    name = f"apibench_scenarios_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PlanUnreadable(f"{path} is no Python", "Check the file.")
    module = importlib.util.module_from_spec(spec)
    # Where data classes and pickle look for what they are made of.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if isinstance(error, SyntaxError):
            place = f"{as_seen(error.filename or str(path))}:{error.lineno}:{error.offset}"
            raise PlanUnreadable(f"{place}: {error.msg}", "Mend the syntax.") from error
        if isinstance(error, NotTraceable) or not isinstance(error, Exception | SystemExit):
            raise
        message = f"{type(error).__name__} while {as_seen(str(path))} was loaded: {error}"
        raise not_traceable("AB150", _raised_at(error, path), message, "Mend the file.") from error
    return module


def _named(module: ModuleType) -> list[AnyScenario]:
    """The scenarios of a module, each once, under whatever names it has them. Raises NotTraceable for equal names."""
    found = {id(each): each for each in vars(module).values() if isinstance(each, AnyScenario)}
    by_name: dict[str, AnyScenario] = {}
    for each in found.values():
        first = by_name.setdefault(each.name, each)
        if first is not each:
            place = f"line {first.spot.line} of {as_seen(first.spot.file)}"
            message = f"the scenario in {place} is called '{each.name}' too"
            raise not_traceable("AB140", each.spot, message, 'Give each a name of its own:  @scenario(name="...", ...)')
    return list(by_name.values())


def _raised_at(error: BaseException, path: Path) -> Spot:
    spot, frame = Spot(str(path), 1, 1, 1), error.__traceback__
    while frame is not None:
        if frame.tb_frame.f_code.co_filename == str(path):
            spot = Spot(str(path), frame.tb_lineno, 1, 1)
        frame = frame.tb_next
    return spot
