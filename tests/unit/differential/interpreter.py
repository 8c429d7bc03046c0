"""
A slow interpreter of plans: does their steps one after the other, as docs/journeys.md says, with nothing of the engine.

It plays the target too, by the same function of request and session, so it knows what each virtual user sends.
"""

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from tests.unit.differential.draws import Draws
from tests.unit.differential.functions import called
from tests.unit.differential.jar import Jar
from tests.unit.differential.json_text import Json
from tests.unit.differential.rows import Feeder, OverError, feeders_of
from tests.unit.differential.target import Answer, Answering
from tests.unit.differential.values import NothingThereError, Value, at, evaluate, truth, whole
from tests.unit.differential.wire import followed, rendered, target_of, with_cookies

Document = dict[str, Any]
MAX_REPEATS = 1_000_000
HOST = "127.0.0.1"
REDIRECTS = (301, 302, 303, 307, 308)


class FailedError(Exception):
    """The iteration ends here, and has failed."""


@dataclass
class Counts:
    """What a run comes to."""

    checks: Counter[tuple[str, bool]] = field(default_factory=Counter)
    iterations: Counter[str] = field(default_factory=Counter)
    requests: Counter[tuple[str, int | str]] = field(default_factory=Counter)
    """By series, of each status, and `ok` or `failed`."""
    groups: Counter[tuple[str, str]] = field(default_factory=Counter)


@dataclass
class Session:
    """What stays with a virtual user."""

    sent: list[bytes] = field(default_factory=list)
    jar: Jar = field(default_factory=lambda: Jar(HOST))


@dataclass
class Run:
    """What all iterations of a run share."""

    plan: Document
    answering: Answering
    feeders: dict[str, Feeder]
    counts: Counts = field(default_factory=Counts)


@dataclass
class Predicted:
    """What is sent, and what it comes to."""

    sessions: list[list[bytes]]
    counts: Counts


def predict(plan: Document, answering: Answering) -> Predicted:
    """What a plan of one closed scenario does. Several users: only if no order of rows depends on who is first."""
    scenario, run = plan["scenarios"][0], Run(plan, answering, feeders_of(plan))
    users, iterations = scenario["load"]["vus"], scenario["load"]["ends"]["iterations"]
    sessions = []
    for user in range(users):
        session = Session()
        for number in range(iterations // users + (user < iterations % users)):
            if any(run.feeders[name].is_dry for name in needed(scenario["steps"], run.feeders)):
                break
            Iteration(run, session, user, number).run()
        sessions.append(session.sent)
    return Predicted([each for each in sessions if each], run.counts)


def needed(steps: list[Document], feeders: dict[str, Feeder]) -> set[str]:
    """The feeders without which no iteration begins."""
    found = {step["feeder"] for step in steps if step["type"] == "feed"}
    found = {name for name in found if feeders[name].when_dry == "stop"}
    for step in steps:
        inner = [
            step.get("steps") or [],
            step.get("otherwise") or [],
            *(each["steps"] for each in step.get("cases", ())),
        ]
        for each in inner:
            found |= needed(each, feeders)
    return found


class Iteration:
    """One pass of one virtual user."""

    def __init__(self, run: Run, session: Session, user: int, number: int) -> None:
        self.scenario = run.plan["scenarios"][0]
        self.hosts = run.plan["hosts"]
        self.defaults = self.scenario["defaults"]
        self.answering = run.answering
        self.counts = run.counts
        self.feeders = run.feeders
        self.session = session
        self.turn = user + number
        self.draws = Draws(run.plan["seed"], 0, user, number)
        self.variables: dict[str, Value] = {}
        self.failed = False
        if self.defaults["cookies"] == "iteration":
            session.jar.kept = []

    def run(self) -> str:
        """Does it all, and tells how it ended."""
        try:
            self.steps(self.scenario["steps"], "scenarios[0].steps")
            end = "failed" if self.failed else "ok"
        except FailedError:
            end = "failed"
        except OverError:
            end = "unfinished"
        self.counts.iterations[end] += 1
        return end

    def steps(self, steps: list[Document], place: str) -> None:
        """One after the other; what is taken out of an answer belongs to the request before."""
        answer: Answer | None = None
        left = [(number, step) for number, step in enumerate(steps)]
        while left:
            number, step = left.pop(0)
            if step["type"] != "request":
                getattr(self, step["type"])(step, f"{place}[{number}]")
                continue
            answer = self.request(step)
            missing = False
            while left and left[0][1]["type"] == "extract":
                missing |= not self.extract(left.pop(0)[1], answer)
            if missing and answer is not None:
                self.fails()

    def fails(self) -> None:
        self.failed = True
        if self.defaults["on_fail"] == "end_iteration":
            raise FailedError

    def lacks(self, check: str) -> None:
        self.counts.checks[check, False] += 1
        self.fails()

    def request(self, step: Document) -> Answer | None:
        """Sends it, and what its redirects lead to. None: it could not be sent."""
        host = self.hosts[step["host"]]
        own = {name.lower() for name, _ in step["headers"]}
        defaults = [each for each in self.defaults["headers"] if each[0].lower() not in own]
        step = step | {"headers": [*defaults, *step["headers"]]}
        try:
            request = rendered(step, host["base_url"], self.variables, self.draws)
        except NothingThereError:
            self.lacks(f"values of {step['name']}")
            return None
        joins = self.defaults["cookies"] != "off" and "cookie" not in {name.lower() for name, _ in step["headers"]}
        series, hops = step["name"], 0
        while True:
            if joins:
                request = with_cookies(request, self.session.jar.header(_path_of(request)))
            answer = self.answering(request, len(self.session.sent))
            self.session.sent.append(request)
            if self.defaults["cookies"] != "off":
                for name, value in answer.headers:
                    if name == "Set-Cookie":
                        self.session.jar.take(value, _path_of(request))
            location = answer.header("Location") if answer.status in REDIRECTS and host["redirects"] else None
            follows = location is not None and hops < host["redirects"]
            expected = any(each["first"] <= answer.status <= each["last"] for each in step["expect"]["status"])
            ok = follows if location is not None else expected
            self.counts.requests[series, answer.status] += 1
            self.counts.requests[series, "ok" if ok else "failed"] += 1
            if location is None or not follows:
                break
            series, hops = f"{step['name']} → redirect", hops + 1
            request = followed(request, answer.status, location)
        if not ok:
            self.fails()
        if step["method"] == "HEAD":
            return Answer(answer.status, answer.headers)
        return answer

    def extract(self, step: Document, answer: Answer | None) -> bool:
        """Whether it is there."""
        name = step["to"]
        self.variables.pop(name, None)
        with suppress(NothingThereError):
            self.variables[name] = _taken_out(step["of"], answer)
        self.counts.checks[f"extract {name}", name in self.variables] += 1
        return name in self.variables

    def set(self, step: Document, _place: str) -> None:
        try:
            value = evaluate(step["value"], self.variables, self.draws)
        except NothingThereError:
            self.variables.pop(step["to"], None)
            self.lacks(f"set {step['to']}")
        else:
            self.variables[step["to"]] = value

    def python(self, step: Document, _place: str) -> None:
        check = f"python {step['function']}"
        try:
            values = [evaluate(each, self.variables, self.draws) for each in step["arguments"]]
            self.variables[step["to"]] = called(step["function"].rpartition(".")[2], values)
        except NothingThereError:
            self.variables.pop(step["to"], None)
            self.lacks(check)
        else:
            self.counts.checks[check, True] += 1

    def feed(self, step: Document, _place: str) -> None:
        row: Json | None = self.feeders[step["feeder"]].next(self.draws)
        if row is None:
            self.variables.pop(step["to"], None)
            self.lacks(f"feed {step['feeder']}")
        else:
            self.variables[step["to"]] = row

    def holds(self, condition: Document) -> bool:
        return truth(evaluate(condition, self.variables, self.draws))

    def check(self, step: Document, _place: str) -> None:
        try:
            held = self.holds(step["condition"])
        except NothingThereError:
            held = False
        self.counts.checks[step["name"], held] += 1

    def when(self, step: Document, place: str) -> None:
        held = False
        try:
            held = self.holds(step["condition"])
        except NothingThereError:
            self.lacks(f"{place}.condition")
        word = "steps" if held else "otherwise"
        self.steps(step[word], f"{place}.{word}")

    def repeat(self, step: Document, place: str) -> None:
        try:
            times = whole(evaluate(step["times"], self.variables, self.draws))
        except NothingThereError:
            times = -1
        if not 0 <= times <= MAX_REPEATS:
            times = 0
            self.lacks(f"{place}.times")
        for _ in range(times):
            self.steps(step["steps"], f"{place}.steps")

    def group(self, step: Document, place: str) -> None:
        before, self.failed, end = self.failed, False, "unfinished"
        try:
            self.steps(step["steps"], f"{place}.steps")
            end = "failed" if self.failed else "ok"
        except FailedError:
            end = "failed"
            raise
        finally:
            self.counts.groups[step["name"], end] += 1
            self.failed |= before

    def pick(self, step: Document, place: str) -> None:
        ways = [number for number, case in enumerate(step["cases"]) for _ in range(case["weight"])]
        drawn = self.draws.below(len(ways)) if step["by"] == "weight" else self.turn % len(ways)
        way = ways[drawn]
        self.steps(step["cases"][way]["steps"], f"{place}.cases[{way}].steps")

    def think(self, _step: Document, _place: str) -> None:
        """Takes no time here; how long is drawn, also where it is always the same."""
        self.draws.bits()

    def pace(self, _step: Document, _place: str) -> None:
        """Takes no time here."""


def _path_of(request: bytes) -> str:
    return target_of(request).partition("?")[0]


def _taken_out(of: Document, answer: Answer | None) -> Value:
    if answer is None:
        raise NothingThereError
    match of["type"]:
        case "status":
            return answer.status
        case "header":
            value = answer.header(of["name"])
            if value is None:
                raise NothingThereError
            return value.strip()
        case "body":
            return answer.body
        case _:
            return at(answer.body, of["path"])
