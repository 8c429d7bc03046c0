"""A journey as a file of Python: its imports, what was not converted, and a function for each scenario."""

from dataclasses import dataclass
from itertools import count
from pathlib import Path

from apibench import __version__
from apibench.authoring.importing.journey import (
    Assign,
    Behaviour,
    Check,
    Comment,
    Each,
    End,
    Group,
    Journey,
    Leave,
    Pace,
    Pause,
    Pick,
    Repeat,
    Request,
    SetHeader,
    Step,
    When,
)
from apibench.authoring.importing.lifting import Lifting
from apibench.authoring.importing.names import Names
from apibench.authoring.importing.python_text import comment, quoted, written
from apibench.authoring.importing.values import (
    Called,
    Item,
    Known,
    Listing,
    Mapping,
    Named,
    Secret,
    Value,
    parts_of,
)
from apibench.model.units import NS_PER_S, format_duration

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_WORDS = (
    *("User", "between", "check", "each", "group", "hold", "leave_loop", "otherwise", "pace", "pick", "ramp", "rand"),
    *("repeat", "scenario", "status", "think", "when"),
)
_INDENT = "    "


@dataclass(frozen=True, slots=True)
class Written:
    """A file of scenarios."""

    text: str
    secrets: tuple[str, ...]
    """Variables of the environment that are secrets, read where the load is made."""
    variables: tuple[str, ...]
    """Variables of the environment that are read when it is loaded."""


def scenario_text(journey: Journey) -> Written:
    """A journey as it can be loaded by `apibench run`."""
    body = _Body()
    functions = Names()
    for scenario, name in [(each, functions.new(each.name, "journey")) for each in journey.scenarios]:
        body.scenario(scenario, name)
        for word, steps in (("start", scenario.starting), ("stop", scenario.stopping)):
            if steps:
                body.function(f"@{name}.on_{word}", functions.new(word), steps)
    head = [f"# {comment(f'Imported from {_shown(journey.source)} ({journey.kind}) by apibench {__version__}.')}"]
    told = (
        ("Secrets, to be set where the load is made:", body.secrets),
        ("To be set in the environment when this is loaded:", body.variables),
    )
    for title, names in told:
        if names:
            head += ["#", f"# {title}", *(f"# - {name}" for name in names)]
    if journey.left:
        head += ["#", "# Not converted, or not quite:"]
        head += [f"# {comment(f'- {left}')}" for left in journey.left]
    imports = []
    if "environ" in body.used:
        imports.append("from os import environ")
    if "quote" in body.used:
        imports.append("from urllib.parse import quote")
    imports += ([""] if imports else []) + _import([word for word in _WORDS if word in body.used])
    text = "\n".join([*head, "", *imports, *body.lines]) + "\n"
    return Written(text, tuple(body.secrets), tuple(body.variables))


def _shown(source: str) -> str:
    return "standard input" if source == "-" else Path(source).name


def _import(words: list[str]) -> list[str]:
    line = f"from apibench import {', '.join(words)}"
    if len(line) <= 120:
        return [line]
    return ["from apibench import (", *(f"{_INDENT}{word}," for word in words), ")"]


class _Body:
    """The scenarios, line by line, and the words that they use."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.used: set[str] = set()
        self._numbers = count(1)
        self.secrets: dict[str, None] = {}
        self.variables: dict[str, None] = {}

    def scenario(self, scenario: Behaviour, name: str) -> None:
        words: list[tuple[str, Value]] = [("base_url", Known(scenario.base_url)), ("load", _load(scenario))]
        if scenario.duration:
            words.append(("duration", Known(scenario.duration)))
        if scenario.iterations is not None:
            words.append(("iterations", Known(scenario.iterations)))
        if scenario.thresholds:
            words.append(("thresholds", Listing(tuple(Known(each) for each in scenario.thresholds))))
        if scenario.goes_on:
            words.append(("on_fail", Known("continue")))
        if scenario.cookies:
            words.append(("cookies", Known(scenario.cookies)))
        self.used |= {"User", "scenario"}
        self.lines += ["", ""]
        self._say(Called(Named("scenario"), (), tuple(words)), 0, "@")
        self.lines.append(f"def {name}(u: User) -> None:")
        self._block(scenario.steps, 1)

    def function(self, decorator: str, name: str, steps: list[Step]) -> None:
        """What else virtual users of the scenario do."""
        self.lines += ["", "", decorator, f"def {name}(u: User) -> None:"]
        self._block(steps, 1)

    def _block(self, steps: list[Step], indent: int) -> None:
        for step in steps:
            self._step(step, indent)
        if all(isinstance(step, Comment) for step in steps):
            self.lines.append(f"{_INDENT * indent}pass")

    def _step(self, step: Step, indent: int) -> None:  # noqa: C901, PLR0912 - a kind of step a case
        match step:
            case Request():
                self._say(_request(step), indent, f"{step.answer} = " if step.answer else "")
            case Pause(low_ns, high_ns):
                low, high = (Known(duration_text(each)) for each in (low_ns, high_ns))
                length: Value = low if low_ns == high_ns else Called(Named("between"), (low, high))
                self._say(Called(Named("think"), (length,)), indent)
            case Pace(period_ns):
                self._say(Called(Named("pace"), (Known(duration_text(period_ns)),)), indent)
            case Assign(name, value):
                self._say(value, indent, f"{name} = ")
            case SetHeader(name, value):
                self._say(value, indent, f"u.headers[{quoted(name)}] = ")
            case Check(condition, name):
                self._say(Called(Named("check"), (condition, Known(name))), indent)
            case Comment(text):
                self.lines.append(f"{_INDENT * indent}# {comment(text)}")
            case Pick(cases):
                self.lines.append(f"{_INDENT * indent}with pick() as p:")
                self.used.add("pick")
                for case in cases:
                    named = (Known(case.name),) if case.name else ()
                    self._say(Called(Named("p.weight"), (Known(case.weight), *named)), indent + 1, "with ", ":")
                    self._block(case.steps, indent + 2)
            case Repeat(times, steps):
                self._say(Called(Named("repeat"), (times,)), indent, "for _ in ", ":")
                self._block(steps, indent + 1)
            case Each(name, values, steps):
                self._say(Called(Named("each"), (values,)), indent, f"for {name} in ", ":")
                self._block(steps, indent + 1)
            case Group(name, steps):
                self._say(Called(Named("group"), (Known(name),)), indent, "with ", ":")
                self._block(steps, indent + 1)
            case Leave():
                self._say(Called(Named("leave_loop")), indent)
            case End():
                self._say(Called(Named("u.end")), indent)
            case When(condition, steps, otherwise):
                self._say(Called(Named("when"), (condition,)), indent, "with ", ":")
                self._block(steps, indent + 1)
                if otherwise:
                    self._say(Called(Named("otherwise")), indent, "with ", ":")
                    self._block(otherwise, indent + 1)

    def _say(self, value: Value, indent: int, before: str = "", after: str = "") -> None:
        lifting = Lifting(lambda: f"_{next(self._numbers)}")
        value = lifting.lifted(value)
        for name, each in lifting.before:
            self._say(each, indent, f"{name} = ")
        self._use(value)
        text = written(value, indent, len(before), len(after))
        self.lines += f"{_INDENT * indent}{before}{text}{after}".split("\n")

    def _use(self, value: Value) -> None:
        for each in parts_of(value):
            match each:
                case Named(name):
                    self.used.add(name.partition(".")[0])
                case Secret(name, _):
                    self.secrets[f"APIBENCH_SECRET_{name}"] = None
                case Item(Named("environ"), Known(str() as name)):
                    self.variables[name] = None
                case _:
                    pass


def duration_text(length_ns: int) -> str:
    """`1.5s` rather than `1s500ms`: as people write pauses."""
    seconds, rest = divmod(length_ns, NS_PER_S)
    if not rest or not seconds or seconds >= 60 or rest % 1_000_000:
        return format_duration(length_ns)
    return f"{seconds}.{rest // 1_000_000:03}".rstrip("0") + "s"


def _load(scenario: Behaviour) -> Value:
    if isinstance(scenario.load, str):
        return Known(scenario.load)
    stages: list[Value] = []
    for stage in scenario.load:
        if stage.level:
            stages.append(Called(Named("ramp"), (Known(stage.level),), (("over", Known(stage.length)),)))
        else:
            stages.append(Called(Named("hold"), (Known(stage.length),)))
    return Listing(tuple(stages))


def _request(request: Request) -> Called:
    words: list[tuple[str, Value]] = []
    if request.query:
        words.append(("params", Mapping(tuple(request.query))))
    if request.headers:
        words.append(("headers", Mapping(tuple(request.headers))))
    if request.json is not None:
        words.append(("json", request.json))
    if request.data is not None:
        words.append(("data", request.data))
    if request.expect:
        words.append(("expect", Called(Named("status"), tuple(Known(each) for each in request.expect))))
    if request.name:
        words.append(("name", Known(request.name)))
    if request.method in _METHODS:
        return Called(Named(f"u.{request.method.lower()}"), (request.path,), tuple(words))
    return Called(Named("u.request"), (Known(request.method), request.path), tuple(words))
