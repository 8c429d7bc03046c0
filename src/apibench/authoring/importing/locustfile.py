"""Locustfiles: each class of users becomes a scenario, by its syntax tree alone."""

import ast

from apibench.authoring.importing.addresses import split_address
from apibench.authoring.importing.journey import Behaviour, Case, Journey, Pace, Pause, Pick, Step
from apibench.authoring.importing.locust_words import LocustWords
from apibench.authoring.importing.program_values import OF_A_FILE, Unclear, dotted, reads_a_file
from apibench.authoring.importing.source import one_source, read_program
from apibench.authoring.importing.values import Known
from apibench.model.errors import SourceUnreadable
from apibench.model.units import NS_PER_S

UNKNOWN = "http://localhost:8080"
_USERS = ("HttpUser", "FastHttpUser", "HttpLocust", "ContribFastHttpUser", "locust.HttpUser", "locust.FastHttpUser")
_SETS = ("TaskSet", "SequentialTaskSet", "locust.TaskSet", "locust.SequentialTaskSet")
_MOST_DEPTH = 10
_SETTINGS = ("host", "wait_time", "tasks", "abstract", "weight", "fixed_count", "min_wait", "max_wait")


def journey(source: str, second: str | None, name: str) -> Journey:
    """
    A locustfile. It is parsed, and never imported or run.

    Raises SourceUnreadable, or UsageError for a second source.
    """
    one_source("locustfile", second)
    text = read_program(source)
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        message = f"{source}:{error.lineno}:{error.offset}: no Python: {error.msg}"
        raise SourceUnreadable(message, "Mend the syntax.") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise SourceUnreadable(f"{source} is no Python that we read: {error}", "Make it flatter.") from error
    found = Journey("locustfile", source)
    file = _File(tree, found)
    for users in file.users():
        scenario = file.scenario(users, name)
        if scenario is not None:
            found.scenarios.append(scenario)
    if not file.users():
        raise SourceUnreadable(f"{source} has no class of HttpUser or FastHttpUser", "Check that it is a locustfile.")
    return found


class _File:
    """The classes, functions and constants of a file."""

    def __init__(self, tree: ast.Module, found: Journey) -> None:
        self._journey = found
        self._classes = {each.name: each for each in tree.body if isinstance(each, ast.ClassDef)}
        self._functions = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
        self._constants = [each for each in tree.body if isinstance(each, ast.Assign | ast.AnnAssign)]
        for node in tree.body:
            self._tell(node)

    def users(self) -> list[ast.ClassDef]:
        """Classes of users that are no base of others alone."""
        found = [each for each in self._classes.values() if self._is(each, _USERS)]
        return [each for each in found if not any(_says(line, "abstract", each=True) for line in each.body)]

    def scenario(self, users: ast.ClassDef, name: str) -> Behaviour | None:
        """What users of a class do. None, and told, where they do nothing."""
        body = self._body(users)
        words = LocustWords(self._journey, "")
        host = self._host(body, words)
        words.base_url = host
        self._constants_into(words, [*self._constants, *(each for each in body if isinstance(each, ast.Assign))])
        words.functions = {**self._functions, **{each.name: each for each in body if isinstance(each, ast.FunctionDef)}}
        only = self._only_set(body)
        lives = [body, *([] if only is None else [self._body(only)])]
        starting = [step for lines in lives for step in self._once("on_start", lines, words)]
        lasting = dict(words.known)
        wait = self._wait(body, words)
        cases = self._cases(body, words, 0, wait) if only is None else [self._case(only, 1, words, -1, wait)]
        if not any(case.steps for case in cases):
            words.leave(users, "a class of users without tasks was left out")
            return None
        words.known = lasting
        stopping = [step for lines in reversed(lives) for step in self._once("on_stop", lines, words)]
        steps = [*_picked(cases), *wait]
        for line in body:
            if _says(line, "weight") or _says(line, "fixed_count"):
                words.leave(
                    line, "how users are shared among classes was left out: each scenario has a load of its own"
                )
        if not words.base_url:
            words.leave(users, f"there is no host: {UNKNOWN} stands for it")
        called = users.name if len(self.users()) > 1 else name
        return Behaviour(called, words.base_url or UNKNOWN, steps, starting, stopping, goes_on=True)

    def _only_set(self, body: list[ast.stmt]) -> ast.ClassDef | None:
        """The set of tasks that users never leave, since they have nothing else to do."""
        listed = [line.value for line in body if _says(line, "tasks") and isinstance(line, ast.Assign)]
        nested = [each for each in body if isinstance(each, ast.FunctionDef | ast.ClassDef) and _is_task(each)]
        if len(listed) + len(nested) != 1:
            return None
        if nested:
            return nested[0] if isinstance(nested[0], ast.ClassDef) else None
        names = listed[0].keys if isinstance(listed[0], ast.Dict) else getattr(listed[0], "elts", [])
        found = self._classes.get(dotted(names[0]) or "") if len(names) == 1 and names[0] is not None else None
        return found if found is not None and self._is(found, _SETS) else None

    def _once(self, name: str, lines: list[ast.stmt], words: LocustWords) -> list[Step]:
        """What `on_start` or `on_stop` of a class does."""
        own = {each.name: each for each in lines if isinstance(each, ast.FunctionDef)}
        if name not in own:
            return []
        outside, words.functions = words.functions, {**words.functions, **own}
        try:
            return words.body(own[name])
        finally:
            words.functions = outside

    def _tell(self, node: ast.stmt) -> None:
        place = f"line {node.lineno}"
        if isinstance(node, ast.ClassDef):
            if any("LoadTestShape" in (dotted(base) or "") for base in node.bases):
                self._journey.leave(place, f"the load shape {node.name} was left out: write stages")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if any("events" in (dotted(_function(each)) or "") for each in node.decorator_list):
                self._journey.leave(place, f"the listener {node.name} was left out")
        elif not _calls(node) and reads_a_file(node):
            self._journey.leave(place, OF_A_FILE)
        elif isinstance(node, ast.For | ast.While | ast.With | ast.Try) or _calls(node):
            self._journey.leave(place, "what is done when the file is loaded was left out")

    def _is(self, holder: ast.ClassDef, wanted: tuple[str, ...], depth: int = 0) -> bool:
        names = [dotted(base) or "" for base in holder.bases]
        if any(name in wanted for name in names):
            return True
        known = (self._classes[name] for name in names if name in self._classes)
        return depth < _MOST_DEPTH and any(self._is(each, wanted, depth + 1) for each in known)

    def _body(self, holder: ast.ClassDef, depth: int = 0) -> list[ast.stmt]:
        """Its lines, with those of its bases that it does not say anew."""
        own = {each.name for each in holder.body if isinstance(each, ast.FunctionDef)}
        own |= {name for each in holder.body for name in _targets(each)}
        before: list[ast.stmt] = []
        for base in holder.bases:
            known = self._classes.get(dotted(base) or "")
            if known is not None and depth < _MOST_DEPTH:
                before += self._body(known, depth + 1)
        kept = [each for each in before if not ({getattr(each, "name", ""), *_targets(each)} & own)]
        return [*(each for each in kept if not _says(each, "abstract")), *holder.body]

    def _constants_into(self, words: LocustWords, lines: list[ast.Assign | ast.AnnAssign]) -> None:
        for line in lines:
            for name in _targets(line):
                if name in _SETTINGS or line.value is None:
                    continue
                try:
                    value = words.value(line.value)
                except Unclear:
                    continue  # told where it is used
                words.known[name] = words.known[f"self.{name}"] = value
        words.steps = []

    def _host(self, body: list[ast.stmt], words: LocustWords) -> str:
        self._constants_into(words, list(self._constants))
        for line in body:
            if _says(line, "host") and isinstance(line, ast.Assign | ast.AnnAssign) and line.value is not None:
                try:
                    value = words.value(line.value)
                except Unclear:
                    continue
                split = split_address(str(value.value)) if isinstance(value, Known) else None
                if split is not None:
                    if split[1] != "/":
                        words.leave(line, "the path of the host was left out: a host is an origin")
                    return split[0]
        return ""

    def _cases(self, body: list[ast.stmt], words: LocustWords, depth: int, wait: list[Step] | None) -> list[Case]:
        """The tasks of a class, with their weights. Behind a task comes `wait`."""
        cases: list[Case] = []
        for line in body:
            if isinstance(line, ast.FunctionDef | ast.ClassDef):
                weight = _weight(line, words)
                if weight is not None:
                    cases.append(self._case(line, weight, words, depth, wait))
            elif _says(line, "tasks") and isinstance(line, ast.Assign):
                cases += self._listed(line.value, words, depth, wait)
        return [case for case in cases if case.steps]

    def _case(
        self,
        task: ast.FunctionDef | ast.ClassDef,
        weight: int,
        words: LocustWords,
        depth: int,
        wait: list[Step] | None,
    ) -> Case:
        before = dict(words.known)
        steps = words.body(task, wait) if isinstance(task, ast.FunctionDef) else self._set(task, words, depth, wait)
        for name, value in before.items():
            if name.startswith("self.") and words.known.get(name, value) != value:
                words.leave(task, f"what is put into {name} holds to the end of its iteration only")
        # What one task sets, another one can't know to be set: which of them come by is drawn.
        words.known = {name: before[name] for name in words.known if name in before}
        return Case(weight, task.name, steps)

    def _set(self, tasks: ast.ClassDef, words: LocustWords, depth: int, wait: list[Step] | None) -> list[Step]:
        """A task of a set, or all of one in order. `depth` -1: users have no other set, and begin it once."""
        if depth > _MOST_DEPTH:
            return []
        body = self._body(tasks)
        outside = words.functions
        words.functions = {**outside, **{each.name: each for each in body if isinstance(each, ast.FunctionDef)}}
        try:
            steps = self._once("on_start", body, words) if depth >= 0 else []
            if steps:
                words.leave(tasks, f"on_start of {tasks.name} is done each time that it is drawn")
            if depth >= 0 and self._once("on_stop", body, words):
                words.leave(tasks, f"on_stop of {tasks.name} was left out: users have other tasks, too")
            if self._is(tasks, ("SequentialTaskSet", "locust.SequentialTaskSet")):
                for line in body:
                    if isinstance(line, ast.FunctionDef) and _weight(line, words) is not None:
                        steps += words.body(line)
                    elif _says(line, "tasks") and isinstance(line, ast.Assign):
                        listed = self._listed(line.value, words, depth + 1, None)
                        steps += [step for case in listed for step in case.steps]
                return steps
            if depth >= 0:
                told = f"of {tasks.name} one task is done, then another is drawn among all: it is never stayed in"
                words.leave(tasks, told)
            return [*steps, *_picked(self._cases(body, words, depth + 1, wait))]
        finally:
            words.functions = outside

    def _listed(self, node: ast.expr, words: LocustWords, depth: int, wait: list[Step] | None) -> list[Case]:
        """`tasks = [a, b]` or `{a: 3, b: 1}`."""
        if isinstance(node, ast.Dict):
            weights = [each.value if isinstance(each, ast.Constant) else 1 for each in node.values]
            pairs = [
                (key, weight if isinstance(weight, int) else 1) for key, weight in zip(node.keys, weights, strict=True)
            ]
        elif isinstance(node, ast.List | ast.Tuple):
            pairs = [(each, 1) for each in node.elts]
        else:
            words.leave(node, "tasks of another form were left out")
            return []
        cases = []
        for each, weight in pairs:
            name = dotted(each) if each is not None else None
            task = self._classes.get(name or "") or words.functions.get(name or "")
            if task is None:
                words.leave(node, "a task that is not in this file was left out")
            else:
                cases.append(self._case(task, weight, words, depth, wait))
        return cases

    def _wait(self, body: list[ast.stmt], words: LocustWords) -> list[Step]:
        for line in reversed(body):
            if isinstance(line, ast.FunctionDef) and line.name == "wait_time":
                words.leave(line, "a wait_time that is a function was left out")
            elif _says(line, "wait_time") and isinstance(line, ast.Assign):
                try:
                    return _waited(line.value, words)
                except Unclear:
                    words.leave(line, "a wait_time of this kind was left out")
        return []


def _waited(node: ast.expr, words: LocustWords) -> list[Step]:
    if not isinstance(node, ast.Call):
        raise Unclear
    given = [words.value(each) for each in node.args]
    numbers = [each.value for each in given if isinstance(each, Known) and isinstance(each.value, int | float)]
    if len(numbers) != len(given) or not all(0 <= each < 1e6 for each in numbers):
        raise Unclear
    lengths_ns = [round(each * 1_000) * 1_000_000 for each in numbers]
    match (dotted(node.func) or "").rpartition(".")[2], lengths_ns:
        case "between", [low, high]:
            return [Pause(low, high)]
        case "constant", [length]:
            return [Pause(length, length)] if length else []
        case "constant_pacing", [length] if length:
            return [Pace(length)]
        case "constant_throughput", [_] if numbers[0] > 0:
            return [Pace(round(NS_PER_S / numbers[0] / 1_000_000) * 1_000_000)]
        case _:
            raise Unclear


def _picked(cases: list[Case]) -> list[Step]:
    if len(cases) == 1:
        return cases[0].steps
    return [Pick(cases)] if cases else []


def _is_task(node: ast.FunctionDef | ast.ClassDef) -> bool:
    return any((dotted(_function(each)) or "").rpartition(".")[2] == "task" for each in node.decorator_list)


def _weight(task: ast.FunctionDef | ast.ClassDef, words: LocustWords) -> int | None:
    """Of a task; None for what is none."""
    for each in task.decorator_list:
        if (dotted(_function(each)) or "").rpartition(".")[2] == "task":
            if not isinstance(each, ast.Call) or not each.args:
                return 1
            given = each.args[0]
            if isinstance(given, ast.Constant) and isinstance(given.value, int):
                return given.value
            words.leave(each, "a weight that is no whole number is 1")
            return 1
    return None


def _function(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node


def _calls(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)


def _targets(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Assign):
        return [each.id for each in node.targets if isinstance(each, ast.Name)]
    return [node.target.id] if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) else []


def _says(node: ast.stmt, name: str, *, each: bool = False) -> bool:
    """Whether a line of a class sets a name; `each`: to true."""
    if name not in _targets(node):
        return False
    return not each or (
        isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and node.value.value is True
    )
