"""Statements of a program as steps of a scenario. What has no words here is put down with its line."""

import ast
import copy

from apibench.authoring.importing.journey import Each, End, Leave, Pause, Repeat, Step, When
from apibench.authoring.importing.program_values import Program, Unclear, dotted, is_condition
from apibench.authoring.importing.values import Called, Item, Known, Listing, Member, Named, Value

MOST_UNROLLED = 20
_MOST_DEPTH = 20
_MOST_STATEMENTS = 20_000
"""Of one scenario, those of functions counted each time that they are called."""


class Statements(Program):
    """The statements of functions, one behind the other."""

    functions: dict[str, ast.FunctionDef]
    """Functions whose calls are read as if their bodies stood there."""
    _inlined = 0
    _left = _MOST_STATEMENTS
    _returned = False
    result: Value | None = None
    """What the function that was read last returns."""
    ending: list[Step] | None = None
    """What comes before the end of an iteration; None where the end of the function is not that of its iteration."""
    _leaves = False
    """Whether a loop is read that can be left."""

    def body(self, function: ast.FunctionDef, ending: list[Step] | None = None) -> list[Step]:
        """The steps of a whole function. If its end is that of the iteration, `ending` is what comes between."""
        self.ending = ending
        try:
            return self.block(function.body)
        finally:
            self.ending, self._returned = None, False

    def block(self, body: list[ast.stmt]) -> list[Step]:
        """The steps of some statements. What they set is known behind them."""
        outside, self.steps = self.steps, []
        try:
            self.all(body)
            return self.steps
        finally:
            self.steps = outside

    def all(self, body: list[ast.stmt]) -> None:
        """Add the steps of some statements."""
        for statement in body:
            if self._returned:
                return
            if not self._left:
                self.journey.leave("", f"what comes behind {_MOST_STATEMENTS:,} statements was left out")
                return
            self._left -= 1
            self.statement(statement)

    def statement(self, node: ast.stmt) -> None:
        """Add the steps of one."""
        try:
            self._statement(node)
        except Unclear:
            self.leave(node, f"there are no words for this: {_shown(node)}")

    def do(self, node: ast.Call) -> bool:  # noqa: ARG002 - for those who know some
        """Carry out a call that stands alone; False: this kind of program does not know it. Raises Unclear."""
        return False

    def use(self, node: ast.With) -> bool:  # noqa: ARG002 - for those who know some
        """The same of a block of a context."""
        return False

    def inline(self, function: ast.FunctionDef, node: ast.Call) -> None:
        """The body of a function in place of its call. Raises Unclear."""
        names = [each.arg for each in function.args.args if each.arg not in ("self", "cls")]
        if self._inlined > _MOST_DEPTH or len(node.args) > len(names) or function.args.vararg or function.args.kwarg:
            raise Unclear
        given = dict(zip(names, (self.value(each) for each in node.args), strict=False))
        given |= {word.arg: self.value(word.value) for word in node.keywords if word.arg}
        if set(names) != set(given):
            raise Unclear
        outside = {name: each for name, each in self.known.items() if not name.startswith("self.")}
        self._inlined += 1
        self.known |= given
        try:
            self.all(function.body)
        finally:
            self._inlined -= 1
            self._returned = False
            self.known = {name: each for name, each in self.known.items() if name.startswith("self.")} | outside

    def _statement(self, node: ast.stmt) -> None:  # noqa: C901, PLR0912 - a kind of statement a case
        match node:
            case ast.Pass() | ast.Import() | ast.ImportFrom() | ast.Global():
                pass
            case ast.Expr(ast.Constant()):
                pass
            case ast.Expr(ast.Call() as call):
                self._alone(call)
            case ast.Expr(ast.Await(ast.Call() as call)):
                self._alone(call)
            case ast.Assign([target], value):
                self.assign(target, value)
            case ast.AnnAssign(target, _, value) if value is not None:
                self.assign(target, value)
            case ast.If(test, body, otherwise):
                self._if(test, body, otherwise)
            case ast.For(target, over, body, []):
                self._for(target, over, body)
            case ast.With():
                if not self.use(node):
                    raise Unclear
            case ast.Try(body, handlers, otherwise, last):
                if handlers:
                    self.leave(handlers[0], "what is done about errors was left out")
                self.all([*body, *otherwise, *last])
            case ast.Return(value):
                self._return(value)
            case ast.Break() if self._leaves:
                self.steps.append(Leave())
            case _:
                raise Unclear

    def _return(self, value: ast.expr | None) -> None:
        self.result = None
        if isinstance(value, ast.Call) and not self._inlined:
            self._alone(value)
        elif value is not None and self._inlined:
            self.result = self.value(value)
        self._returned = True

    def function_value(self, node: ast.Call) -> Value:
        """What a function of the program returns, its body read in place of its call. Raises Unclear."""
        name = dotted(node.func)
        function = self.functions.get(name.removeprefix("self.")) if name else None
        if function is None:
            raise Unclear
        self.inline(function, node)
        result, self.result = self.result, None
        if result is None:
            raise Unclear
        return result

    def _alone(self, call: ast.Call) -> None:
        if self.do(call):
            return
        name = dotted(call.func)
        function = self.functions.get(name.removeprefix("self.")) if name else None
        if function is not None:
            self.inline(function, call)
            return
        if self.called(call) is None:
            raise Unclear

    def assign(self, target: ast.expr, node: ast.expr) -> None:
        """A name for a value. Raises Unclear for other targets."""
        name = dotted(target)
        if name is None or (name.count(".") and not name.startswith("self.")):
            raise Unclear
        value = self.value(node)
        self.known[name] = value if self.answer(value) is not None else self.kept(name.rpartition(".")[2], value)

    def pause(self, low: Value, high: Value) -> None:
        """A pause of seconds. Raises Unclear where it is not known."""
        ends = [each.value if isinstance(each, Known) else None for each in (low, high)]
        if not all(isinstance(each, int | float) and 0 <= each < 1e6 for each in ends):
            raise Unclear
        low_ns, high_ns = (round(float(each or 0) * 1_000) * 1_000_000 for each in ends)
        if high_ns:
            self.steps.append(Pause(low_ns, max(low_ns, high_ns)))

    def _if(self, test: ast.expr, body: list[ast.stmt], otherwise: list[ast.stmt]) -> None:
        condition = self.value(test)
        if isinstance(condition, Known):
            self.all(body if condition.value else otherwise)
            return
        if not is_condition(condition):
            raise Unclear
        before = dict(self.known)
        steps = self.block(body)
        returned, self._returned = self._returned, False
        after, self.known = self.known, before
        others = self.block(otherwise)
        if returned:
            self._end(test, steps)
        if self._returned:
            self._end(test, others)
        self._returned = False
        self.known = {**after, **self.known}
        self.steps.append(When(condition, steps, others))

    def _end(self, node: ast.expr, steps: list[Step]) -> None:
        """Steps behind which the function ends, while others of it go on."""
        if self.ending is None or self._inlined:
            self.leave(node, "the end of the function here was left out: what follows is done all the same")
        else:
            steps += [*copy.deepcopy(self.ending), End()]

    def _loop(self, over: ast.expr, body: list[ast.stmt]) -> list[Step]:
        """The steps of one pass of a loop that stays one."""
        outside, self._leaves = self._leaves, True
        try:
            steps = self.block(body)
        finally:
            self._leaves = outside
        if self._returned:
            self._end(over, steps)
        self._returned = False
        return steps

    def _for(self, target: ast.expr, over: ast.expr, body: list[ast.stmt]) -> None:
        times = self.times(over)
        used = isinstance(target, ast.Name) and any(
            isinstance(each, ast.Name) and each.id == target.id for statement in body for each in ast.walk(statement)
        )
        if times is not None and not (used and isinstance(times, Known)):
            if used:
                raise Unclear
            self.steps.append(Repeat(times, self._loop(over, body)))
            return
        if not isinstance(target, ast.Name):
            raise Unclear
        if isinstance(times, Known) and isinstance(times.value, int):
            items: list[Value] = [Known(number) for number in range(min(times.value, MOST_UNROLLED + 1))]
        else:
            found = self.value(over)
            if isinstance(found, Item | Named | Member) and self.answer(found) is None:
                item = self.names.new(target.id, "item")
                self.known[target.id] = Named(item)
                self.steps.append(Each(item, found, self._loop(over, body)))
                return
            if not isinstance(found, Listing):
                raise Unclear
            items = list(found.items)
        if len(items) > MOST_UNROLLED:
            raise Unclear
        outside, self._leaves = self._leaves, False
        try:
            for known in items:
                self.known[target.id] = known
                self.all(body)
        finally:
            self._leaves = outside

    def times(self, over: ast.expr) -> Value | None:
        """How often a loop over `range(…)` is done; None for other loops."""
        if not (isinstance(over, ast.Call) and dotted(over.func) == "range" and len(over.args) == 1):
            return None
        value = self.value(over.args[0])
        if isinstance(value, Known) and not (isinstance(value.value, int) and 0 <= value.value <= 1_000_000):
            raise Unclear
        if isinstance(value, Called) and value.function == Named("rand.int"):
            return Called(Named("between"), value.arguments)
        return value

    def end_of_function(self) -> None:
        """What was returned from is over."""
        self._returned = False


def _shown(node: ast.stmt) -> str:
    """What kind of statement it is, and what it calls; none of its texts, which may be secret."""
    for each in ast.walk(node):
        name = dotted(each.func) if isinstance(each, ast.Call) else None
        if name is not None and len(name) < 60:
            return f"{name}(…)"
    return {
        "AugAssign": "an assignment with a sign",
        "FunctionDef": "a function within one",
        "NotRead": "a statement that is not read",
    }.get(type(node).__name__, type(node).__name__.lower())
