"""Random scenarios as the text of a file in Python, and the files that they take rows from."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from hypothesis import strategies as st

HEAD = """\
from apibench import between, check, csv, group, jsonl, otherwise, pace, pick, rand, repeat
from apibench import scenario, status, think, when
from tests.unit.differential.functions import handed_back, held, joined, measured, wrapped

"""
WORDS = ("", "a", "é", "x y", "a/b?c&d=e", "12", "%41", "ann", "Z")
FIELDS = ("ann", "7", " 8 ", "", "a,b", 'q"q', "line\nend", "é🙂", "x;y")
_WHOLES: tuple[str, ...] = (
    "({a} + {b})",
    "({a} - {n})",
    "({n} * {a})",
    "({a} % {n})",
    "({a} / 2).int()",
    "{t}.length()",
)
_WHOLES += ("{t}.int()", "{r}.status", '{r}.json["id"]', '{r}.json["items"].length()', '{r}.json["items"][0]["id"]')
_TEXTS: tuple[str, ...] = ('{r}.json["name"]', '{r}.headers["x-id"]', "{r}.text", '{r}.json["next"]', "{t}.lower()")
_TEXTS += (
    "{t}.upper()",
    "{t}.strip()",
    "{t}.slice({n}, {n})",
    '{t}.replace("a", {w})',
    "{t}.urlquote()",
    "{t}.base64()",
)
_TEXTS += ("({w} + {t})", "({t} + {w})", "{a}.text()", '{r}.headers["X-Odd"]', '{r}.json["items"][1]["tags"][0]')
_TRUTHS: tuple[str, ...] = (
    "({a} == {n})",
    "({a} < {b})",
    "({a} >= {n})",
    "({t} != {w})",
    "({t} < {t})",
    "{t}.contains({w})",
)
_TRUTHS += (
    "{t}.startswith({w})",
    "{t}.endswith({w})",
    "{a}.between({n}, {n})",
    "{x}.is_null()",
    "({c} & {c})",
    "({c} | {c})",
)
_TRUTHS += ("~{c}", '{r}.json["flag"]', "({x} == {x})")
_OTHERS: tuple[str, ...] = (
    '{r}.json["deep"]["a"]',
    '{r}.json["items"]',
    '{r}.json["price"]',
    '{r}.json["nothing"]',
    "{r}.json",
)
_OTHERS += (
    "{t}.number()",
    '{r}.json["items"].random()',
    '{r}.json["deep"]["a"]["b"][-1]',
    "({a} / {n})",
    "{r}.json[{t}]",
)
_OF_KIND = {"a": _WHOLES, "b": _WHOLES, "t": _TEXTS, "c": _TRUTHS, "x": (*_WHOLES, *_TEXTS, *_TRUTHS, *_OTHERS)}
_ENTRIES = ("{v}", "{{'k': {v}, 'l': [{v}, None, {n}]}}", "[{v}, {w}]")


@dataclass(frozen=True)
class Made:
    """A scenario."""

    text: str
    files: dict[str, str]
    users: int


@dataclass
class Scope:
    """What can be used where."""

    answers: list[str] = field(default_factory=list)
    wholes: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)

    def inner(self) -> "Scope":
        """The same for a block."""
        return Scope(list(self.answers), list(self.wholes), list(self.texts), list(self.variables))

    def close(self, *blocks: "Scope") -> None:
        """Answers of blocks can be looked at behind them; what was made of them is theirs."""
        self.answers.extend(each for block in blocks for each in block.answers if each not in self.answers)


class Writer:
    """Writes the statements of a function."""

    def __init__(self, draw: st.DrawFn, rows: Sequence[str]) -> None:
        self._draw = draw
        self._rows = rows
        self._number = 0
        self._left = draw(st.integers(0, 20))
        self.lines: list[str] = []

    def one_of(self, values: Sequence[str]) -> str:
        return self._draw(st.sampled_from(values))

    def chance(self, of: int) -> bool:
        """Once in so many times."""
        return self._draw(st.integers(1, of)) == of

    def name(self, begin: str) -> str:
        self._number += 1
        return f"{begin}{self._number}"

    def late(self, kind: str, scope: Scope, depth: int = 2) -> str:
        """An expression: mostly of that kind."""
        if self.chance(20):
            kind = "x"
        known = {"a": scope.wholes, "b": scope.wholes, "t": scope.texts, "x": [*scope.wholes, *scope.texts]}.get(kind)
        if known and (depth == 0 or self._draw(st.booleans())):
            return self.one_of(known)
        forms = _OF_KIND[kind]
        if depth == 0:
            forms = tuple(form for form in forms if "{r}" in form and form.count("{") == 1)
        return self.filled(self.one_of(forms), scope, depth - 1)

    def filled(self, form: str, scope: Scope, depth: int) -> str:
        """A form with its parts, each drawn where it stands."""
        makers: dict[str, Callable[[], str]] = {
            "{n}": lambda: str(self._draw(st.integers(-3, 9))),
            "{w}": lambda: json.dumps(self.one_of(WORDS), ensure_ascii=False),
            "{r}": lambda: self.one_of(scope.answers),
            "{v}": lambda: self.value(scope),
        }
        for kind in _OF_KIND:
            makers[f"{{{kind}}}"] = partial(self.late, kind, scope, max(depth, 0))
        for part, make in makers.items():
            while part in form:
                form = form.replace(part, make(), 1)
        return form

    def value(self, scope: Scope) -> str:
        """What stands in a request: known or late, or text with late parts."""
        form = self.one_of(("{w}", "{n}", "{t}", "{a}", "{x}", "f'a {{t}} é'", "f'{{a}}{{x}}'"))
        if form.startswith("f'"):
            form = form.replace("{{", "{{{").replace("}}", "}}}")
            begin, *rest = form.split("{{{")
            for each in rest:
                kind, _, behind = each.partition("}}}")
                begin += f"{{{self.late(kind, scope)}}}{behind}"
            return begin
        return self.filled(form, scope, 2)

    def path(self, scope: Scope) -> str:
        form = self.one_of(("plain", "late", "late", "query", "added"))
        if form == "plain":
            return self.one_of(('"/items"', '"/items/deep/er?a=1"', '"/"', '"/%41;x"'))
        if form == "added":
            return f'"/items/" + {self.late("t", scope)}'
        late = self.late(self.one_of(("a", "t")), scope)
        return f"f'/items/{{{late}}}?q={{{self.late('t', scope)}}}'" if form == "query" else f"f'/items/{{{late}}}/x'"

    def request(self, scope: Scope) -> str:
        method = self.one_of(("get", "get", "post", "post", "put", "patch", "delete", "head", "head", "options"))
        words = [self.path(scope) if scope.answers else '"/first"']
        if scope.answers:
            if self.chance(4):
                words.append(f'params={{"q q": {self.text(scope)}, "p": {self.text(scope)}}}')
            if self.chance(2):
                words.append(f'headers={{"X-Own": {self.text(scope)}}}')
            elif self.chance(12):
                words.append(f'headers={{"Cookie": "own=1", "x-set": {self.text(scope)}}}')
            if method in ("post", "put", "patch", "delete") and self._draw(st.booleans()):
                entry = self.filled(self.one_of(_ENTRIES).replace("{{", "{").replace("}}", "}"), scope, 2)
                words.append(f"json={entry}" if self._draw(st.booleans()) else f"data={self.text(scope)}")
        if self.chance(3):
            words.append(self.one_of(('expect=status("100-599")', 'expect=status("2xx", 404)', "expect=status(200)")))
        if self.chance(6):
            words.append(f'name="{self.name("named ")}"')
        return f"u.{method}({', '.join(words)})"

    def text(self, scope: Scope) -> str:
        """What text is made of: no list, nor anything with a fraction."""
        return self.value(scope)

    def block(self, scope: Scope, indent: str, *, least: int = 1) -> None:
        """Some statements."""
        for at in range(self._draw(st.integers(least, 3))):
            if self._left <= 0 and at >= least:
                return
            self._left -= 1
            self.statement(scope, indent, first=at == 0)

    def statement(self, scope: Scope, indent: str, *, first: bool) -> None:
        """`first` of a block: it leaves a step, for without any there is no block."""
        kinds = ["request"] if not scope.answers else ["request"] * 4 + ["check"] * 2
        if scope.answers and self._left > 0 and len(indent) < 16:
            kinds += ["when", "repeat", "pick", "group"]
        if scope.answers:
            kinds += ["think", "var", "set", "header", "drawn", "row", "called", *([] if first else ["made"])]
        getattr(self, f"write_{self.one_of(kinds)}")(scope, indent)

    def put(self, indent: str, line: str) -> None:
        self.lines.append(indent + line)

    def write_request(self, scope: Scope, indent: str) -> None:
        name, request = self.name("r"), self.request(scope)
        self.put(indent, f"{name} = {request}")
        scope.answers.append(name)

    def write_check(self, scope: Scope, indent: str) -> None:
        name = self.one_of(("one", "other", self.name("check ")))
        self.put(indent, f'check({self.late("c", scope)}, "{name}")')

    def write_when(self, scope: Scope, indent: str) -> None:
        self.put(indent, f"with when({self.late('c', scope)}):")
        blocks = [scope.inner(), scope.inner()]
        self.block(blocks[0], indent + "    ")
        if self._draw(st.booleans()):
            self.put(indent, "with otherwise():")
            self.block(blocks[1], indent + "    ")
        scope.close(*blocks)

    def write_repeat(self, scope: Scope, indent: str) -> None:
        times = self.one_of(("0", "1", "2", "3", "between(0, 3)", "late", "late between"))
        if times == "late":
            times = f"{self.late('a', scope)} % 3"
        elif times == "late between":
            times = f"between(1, {self.late('a', scope)} % 4)"
        self.put(indent, f"for _ in repeat({times}):")
        inner = scope.inner()
        self.block(inner, indent + "    ")
        scope.close(inner)

    def write_group(self, scope: Scope, indent: str) -> None:
        self.put(indent, f'with group("{self.name("group ")}"):')
        self.block(scope, indent + "    ")

    def write_pick(self, scope: Scope, indent: str) -> None:
        by = self.one_of(("", '"turn"', 'by="turn"'))
        name = self.name("p")
        self.put(indent, f"with pick({by}) as {name}:")
        blocks = [scope.inner() for _ in range(self._draw(st.integers(1, 3)))]
        for inner in blocks:
            self.put(indent, f"    with {name}.weight({self._draw(st.integers(1, 4))}):")
            self.block(inner, indent + "        ")
        scope.close(*blocks)

    def write_think(self, _scope: Scope, indent: str) -> None:
        pauses = ('think("0s")', 'think("1ms")', 'think(between("0ms", "1ms"))', 'pace("1ms")')
        self.put(indent, self.one_of(pauses))

    def write_var(self, scope: Scope, indent: str) -> None:
        name = self.name("v")
        called = self.one_of(("total", name))
        self.put(indent, f'{name} = u.var("{called}", {self.value(scope)})')
        scope.variables.append(name)
        self.put(indent, f"{self.name('r')} = u.get(f'/var/{{{name}}}')")

    def write_set(self, scope: Scope, indent: str) -> None:
        if not scope.variables:
            return self.write_var(scope, indent)
        name = self.one_of(scope.variables)
        values = (f"{name} + 1", f'"x" + {name}', self.value(scope))
        self.put(indent, f"{name}.set({self.one_of(values)})")
        self.put(indent, f'{self.name("r")} = u.post("/var", json=[{name}, {self.value(scope)}])')
        return None

    def write_header(self, scope: Scope, indent: str) -> None:
        name = self.one_of(("X-User", "x-user", "Accept", "Content-Type"))
        self.put(indent, f'u.headers["{name}"] = {self.value(scope)}')
        self.write_request(scope, indent)

    def write_drawn(self, scope: Scope, indent: str) -> None:
        name = self.name("n")
        form, kind = self._draw(
            st.sampled_from(
                (
                    ("rand.int({n}, 9)", "a"),
                    ("rand.int(0, {a})", "a"),
                    ("rand.text(5)", "t"),
                    ("rand.uuid()", "t"),
                    ("rand.choice({w}, {t}, {w})", "t"),
                    ("rand.choice(1, {a})", "a"),
                )
            )
        )
        self.put(indent, f"{name} = {self.filled(form, scope, 1)}")
        (scope.wholes if kind == "a" else scope.texts).append(name)

    def write_made(self, scope: Scope, indent: str) -> None:
        name, kind = self.name("m"), self.one_of(("a", "t"))
        self.put(indent, f"{name} = {self.late(kind, scope)}")
        (scope.wholes if kind == "a" else scope.texts).append(name)

    def write_called(self, scope: Scope, indent: str) -> None:
        name = self.name("c")
        form, kind = self._draw(
            st.sampled_from(
                (
                    ("measured, {t}", "a"),
                    ("measured, {x}", "a"),
                    ("joined, {t}, {w}, {a}, {n}, None, True", "t"),
                    ("joined", "t"),
                    ("held, {x}", "x"),
                    ("wrapped, {x}, {t}", "object"),
                    ("handed_back, {x}", "x"),
                    ("handed_back, {a}", "a"),
                )
            )
        )
        self.put(indent, f"{name} = u.py({self.filled(form, scope, 1)})")
        if kind == "object":
            scope.wholes.append(f'{name}["id"]')
            scope.texts.extend([f'{name}["name"]', f'{name}["items"][1]["id"]'])
        else:
            (scope.wholes if kind == "a" else scope.texts).append(name)

    def write_row(self, scope: Scope, indent: str) -> None:
        if not self._rows:
            return self.write_request(scope, indent)
        name, file = self.name("row"), self.one_of(self._rows)
        self.put(indent, f"{name} = {file}.next()")
        texts = [f'{name}.at["city"]', f"{name}.id"] if file == "items" else [f"{name}.name", f'{name}["pass word"]']
        scope.texts.extend(texts)
        self.put(indent, f'{self.name("r")} = u.put("/rows", json=[{texts[0]}, {texts[1]}])')
        return None


@st.composite
def scenarios(draw: st.DrawFn) -> Made:
    """Any of these."""
    rows, files, in_turn = [], {}, False
    for name in draw(st.sampled_from(((), ("users",), ("items",), ("users", "items")))):
        order = draw(st.sampled_from(("sequential", "shuffle", "random", "unique")))
        dry = {"random": (None,), "unique": (None, "stop")}.get(order, (None, "fail", "stop", "stop"))
        when_dry = draw(st.sampled_from(dry))
        in_turn |= order != "random"
        word, ending = ("jsonl", "jsonl") if name == "items" else ("csv", "csv")
        files[f"{name}.{ending}"] = draw(_lines() if name == "items" else _cells())
        told = "" if when_dry is None else f', when_dry="{when_dry}"'
        rows.append(f'{name} = {word}("{name}.{ending}", "{order}"{told})')
    writer = Writer(draw, [line.partition(" ")[0] for line in rows])
    scope = Scope()
    writer.write_request(scope, "    ")
    for _ in rows:
        writer.write_row(scope, "    ")
    for _ in range(draw(st.integers(1, 4))):
        writer.block(scope, "    ", least=2)
    users = 1 if in_turn else draw(st.integers(1, 3))
    iterations = draw(st.integers(users, 4 * users))
    base = draw(st.sampled_from(("", "", "/v1", "/v1/")))
    on_fail = draw(st.sampled_from(("end_iteration", "continue", "continue")))
    cookies = draw(st.sampled_from(("keep", "keep", "iteration", "off")))
    words = f'base_url="ADDRESS{base}", load="{users} vus", iterations={iterations}'
    words += f', on_fail="{on_fail}", cookies="{cookies}"'
    head = HEAD + "".join(f"{line}\n" for line in rows)
    text = f"{head}\n@scenario({words})\ndef journey(u):\n" + "".join(f"{line}\n" for line in writer.lines)
    return Made(text, files, users)


@st.composite
def _cells(draw: st.DrawFn) -> str:
    fields = draw(st.lists(st.tuples(st.sampled_from(FIELDS), st.sampled_from(FIELDS)), min_size=1, max_size=6))
    end = draw(st.sampled_from(("\n", "\r\n")))
    lines = [" name ,pass word", *(",".join(map(_quoted, row)) for row in fields)]
    return draw(st.sampled_from(("", "\ufeff"))) + end.join(lines) + draw(st.sampled_from(("", end)))


def _quoted(field: str) -> str:
    doubled = field.replace('"', '""')
    return f'"{doubled}"'


@st.composite
def _lines(draw: st.DrawFn) -> str:
    rows = [
        {"id": draw(st.sampled_from(FIELDS)), "at": {"city": city}}
        for city in draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=6))
    ]
    return "\n".join(json.dumps(row, ensure_ascii=draw(st.booleans())) for row in rows) + "\n"
