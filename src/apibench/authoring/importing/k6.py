"""Scripts of k6, as far as they are of the usual kind: parsed, and never run."""

import ast
from collections import Counter
from typing import Any

from apibench.authoring.importing.addresses import split_address
from apibench.authoring.importing.javascript import parse_script
from apibench.authoring.importing.javascript_nodes import NotRead
from apibench.authoring.importing.javascript_tokens import NoJavaScript
from apibench.authoring.importing.journey import Behaviour, Journey
from apibench.authoring.importing.k6_options import plain, set_load, thresholds
from apibench.authoring.importing.k6_words import UNKNOWN, K6Words
from apibench.authoring.importing.program_values import OF_A_FILE, Unclear, dotted, reads_a_file
from apibench.authoring.importing.source import one_source, read_program
from apibench.authoring.importing.values import Known, Value
from apibench.model.errors import SourceUnreadable

_ASIDE = {
    "setup": "setup was left out: write it as a function under @NAME.setup",
    "teardown": "teardown was left out: write it as a function under @NAME.teardown",
    "handleSummary": "handleSummary was left out: outputs are -o KIND=FILE",
}


def journey(source: str, second: str | None, name: str) -> Journey:
    """
    A script.

    Raises SourceUnreadable, or UsageError for a second source.
    """
    one_source("k6", second)
    text = read_program(source)
    try:
        tree = parse_script(text)
    except NoJavaScript as error:
        raise SourceUnreadable(f"{source}:{error.line}: no JavaScript: {error.message}", "Mend it there.") from error
    found = Journey("k6", source)
    script = _Script(tree, found)
    for called, function, options, place in script.scenarios(name):
        found.scenarios.append(script.scenario(called, function, options, place))
    if not found.scenarios:
        raise SourceUnreadable(f"{source} exports no function by default", "Check that it is a script of k6.")
    return found


class _Script:
    """The functions and options of a script."""

    def __init__(self, tree: ast.Module, found: Journey) -> None:
        self._journey = found
        self._tree = tree
        self._functions = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
        words = K6Words(found)
        for node in tree.body:
            self._constant(node, words)
        self._known, self._json_texts = words.known, words.json_texts
        self._base_url = self._most_used_host(words.known)
        options = plain(words.known["options"]) if "options" in words.known else {}
        self._options: dict[str, Any] = options if isinstance(options, dict) else {}

    def _most_used_host(self, known: dict[str, Value]) -> str:
        """A scenario has one; requests to others are left out."""
        hosts: Counter[str] = Counter()
        for node in ast.walk(self._tree):
            value = known.get(node.id) if isinstance(node, ast.Name) else None
            text = node.value if isinstance(node, ast.Constant) else value.value if isinstance(value, Known) else None
            split = split_address(text) if isinstance(text, str) and text.startswith(("http://", "https://")) else None
            if split is not None:
                hosts[split[0]] += 1
        return hosts.most_common(1)[0][0] if hosts else ""

    def scenarios(self, name: str) -> list[tuple[str, ast.FunctionDef, dict[str, Any], str]]:
        """What each is called, what it does, its options, and where they stand."""
        found = []
        given = self._options.get("scenarios")
        for called, options in given.items() if isinstance(given, dict) else ():
            function = self._functions.get(str(options.get("exec") or "default")) if isinstance(options, dict) else None
            place = f"options.scenarios.{called}"
            if function is None:
                self._journey.leave(place, "a scenario without a function was left out")
            else:
                found.append((str(called), function, options, place))
        if not found and "default" in self._functions:
            found.append((name, self._functions["default"], self._options, "options"))
        return found

    def scenario(self, called: str, function: ast.FunctionDef, options: dict[str, Any], place: str) -> Behaviour:
        """One of them."""
        words = K6Words(self._journey)
        words.known, words.json_texts = dict(self._known), dict(self._json_texts)
        words.base_url = self._base_url
        words.functions = {each: node for each, node in self._functions.items() if each not in ("default", *_ASIDE)}
        steps = words.body(function, ending=[])
        if not words.base_url:
            self._journey.leave("", f"there is no host: {UNKNOWN} stands for it")
        scenario = Behaviour(called, words.base_url or UNKNOWN, steps, goes_on=True)
        scenario.cookies = "" if self._options.get("noCookiesReset") is True else "iteration"
        set_load(scenario, options, self._journey, place)
        if not any(self._journey.scenarios):
            scenario.thresholds = thresholds(self._options.get("thresholds"), self._journey)
        return scenario

    def _constant(self, node: ast.stmt, words: K6Words) -> None:
        if isinstance(node, ast.FunctionDef):
            if node.name in _ASIDE:
                words.leave(node, _ASIDE[node.name])
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0]
            try:
                if isinstance(node.value, ast.Call) and dotted(node.value.func) == "JSON.stringify":
                    words.assign(name, node.value)
                else:
                    words.known[name.id] = words.value(node.value)
            except Unclear:
                told = OF_A_FILE if reads_a_file(node.value) else f"there are no words for what {name.id[:40]} is"
                words.leave(node, told)
        elif isinstance(node, NotRead):
            words.leave(node, "there are no words for this: a statement that is not read")
        elif not isinstance(node, ast.Import):
            words.leave(node, "what is done when the script is loaded was left out")
