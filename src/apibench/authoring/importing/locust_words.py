"""What the functions of a locustfile say: requests of its client, pauses, random values."""

import ast

from apibench.authoring.importing.journey import Check, Journey, Request, SetHeader
from apibench.authoring.importing.names import Names, of_path
from apibench.authoring.importing.program_requests import (
    read_address,
    read_credentials,
    read_form,
    read_headers,
    read_query,
    words_of,
)
from apibench.authoring.importing.program_steps import Statements
from apibench.authoring.importing.program_values import Unclear, dotted, is_condition, one_of
from apibench.authoring.importing.values import (
    Joined,
    Known,
    Mapping,
    Member,
    Named,
    Negated,
    Operation,
    Value,
    drawn,
    environment,
    is_late,
    method,
)

CLIENTS = ("self.client", "self.user.client", "self.parent.client", "l.client", "user.client")
_METHODS = ("get", "post", "put", "patch", "delete", "head", "options")
_SILENT = ("catch_response", "stream")
_IGNORED = ("print", "logging", "logger", "log")


class LocustWords(Statements):
    """The functions of one class of users."""

    def __init__(self, journey: Journey, base_url: str) -> None:
        super().__init__(journey, Names())
        self.base_url = base_url
        self.functions = {}

    def called(self, node: ast.Call) -> Value | None:
        """Requests, answers, random values."""
        name = dotted(node.func) or ""
        client, _, word = name.rpartition(".")
        if client in CLIENTS and word in (*_METHODS, "request"):
            return self._sent(node, word)
        if name == "self.rest":
            return self._sent(node, "request")
        if isinstance(node.func, ast.Attribute) and node.func.attr == "json" and not node.args:
            return self.of_answer(self.value(node.func.value), "json")
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and len(node.args) == 1:
            holder = node.func.value
            if isinstance(holder, ast.Attribute) and holder.attr == "headers":
                return self._header(holder, node.args[0])
        return self._known_function(name, node)

    def member(self, node: ast.Attribute) -> Value | None:
        """Of answers."""
        if (
            node.attr == "hex"
            and isinstance(node.value, ast.Call)
            and dotted(node.value.func) in ("uuid.uuid4", "uuid4")
        ):
            return method(drawn("uuid"), "replace", "-", "")
        kinds = {"status_code": "status", "text": "text", "js": "json"}
        return self.of_answer(self.value(node.value), kinds[node.attr]) if node.attr in kinds else None

    def _subscript(self, node: ast.Subscript) -> Value:
        if isinstance(node.value, ast.Attribute) and node.value.attr == "headers":
            return self._header(node.value, node.slice)
        if dotted(node.value) == "os.environ":
            return self._environment(self.value(node.slice), None)
        return super()._subscript(node)

    def _header(self, holder: ast.Attribute, key: ast.expr) -> Value:
        headers = self.of_answer(self.value(holder.value), "headers")
        return self.inside(headers, self.value(key))

    def do(self, node: ast.Call) -> bool:
        """Pauses, headers of the client, and what says nothing."""
        name = dotted(node.func) or ""
        if name in ("time.sleep", "sleep", "gevent.sleep") and len(node.args) == 1:
            self._sleep(node.args[0])
        elif any(name == f"{client}.headers.update" for client in CLIENTS) and len(node.args) == 1:
            for header, value in read_headers(self.value(node.args[0])):
                self.steps.append(SetHeader(header, value))
        else:
            # What prints says nothing, and the methods of the base class do nothing.
            calls_base = isinstance(node.func, ast.Attribute) and _is_super(node.func.value)
            return calls_base or name.partition(".")[0] in _IGNORED or name == "self.wait"
        return True

    def assign(self, target: ast.expr, node: ast.expr) -> None:
        """Headers of the client beside variables."""
        holder = dotted(target.value) if isinstance(target, ast.Subscript) else None
        if isinstance(target, ast.Subscript) and holder in [f"{client}.headers" for client in CLIENTS]:
            name = self.value(target.slice)
            if not isinstance(name, Known):
                raise Unclear
            self.steps.append(SetHeader(str(name.value), self.text(node)))
            return
        super().assign(target, node)

    def use(self, node: ast.With) -> bool:
        """`with self.client.get(…, catch_response=True) as r:`"""
        for item in node.items:
            if not isinstance(item.context_expr, ast.Call):
                return False
            value = self.value(item.context_expr)
            request = self.answer(value)
            if request is None:
                return False
            if isinstance(item.optional_vars, ast.Name):
                self.known[item.optional_vars.id] = value
                for statement in node.body:
                    if not self._judged(statement, item.optional_vars.id, request):
                        self.statement(statement)
            else:
                self.all(node.body)
        return True

    def _judged(self, node: ast.stmt, name: str, request: Request) -> bool:
        """Whether a statement says which answers are ok; then it is said of the request, or checked."""
        if isinstance(node, ast.Expr):
            return _verdict([node], name) == "success"
        if not isinstance(node, ast.If):
            return False
        verdict, other = _verdict(node.body, name), _verdict(node.orelse, name)
        chained = len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)
        if not verdict or (node.orelse and not other and not chained):
            return False
        try:
            condition = self.value(node.test)
        except Unclear:
            return False
        status = _status(condition, request)
        ok = "==" if verdict == "success" else "!="
        if status is not None and status[0] == ok:
            before = request.expect or (() if verdict == "failure" or other else ("100-399",))
            request.expect = tuple(dict.fromkeys((*before, status[1])))
        elif is_condition(condition):
            self.steps.append(Check(condition if verdict == "success" else _opposite(condition), _reason(node, name)))
            self.leave(node, "a failure of the answer became a check")
        else:
            return False
        if chained and not self._judged(node.orelse[0], name, request):
            self.statement(node.orelse[0])
        return True

    def _sleep(self, node: ast.expr) -> None:
        if isinstance(node, ast.Call) and dotted(node.func) in (
            "random.uniform",
            "random.randint",
            "uniform",
            "randint",
        ):
            low, high = (self.value(each) for each in node.args)
            self.pause(low, high)
        else:
            length = self.value(node)
            self.pause(length, length)

    def _sent(self, node: ast.Call, word: str) -> Value:
        if word == "request":
            words = dict(words_of(node, self, ("method", "url")))
            verb = self.value(words.pop("method"))
            if not isinstance(verb, Known):
                raise Unclear
            word = str(verb.value)
        else:
            names = {"get": ("url", "params"), "post": ("url", "data", "json")}.get(word, ("url", "data"))
            words = dict(words_of(node, self, names))
        if "url" not in words and "path" not in words:
            raise Unclear
        url = self.value(words.pop("url" if "url" in words else "path"))
        request = Request(word.upper(), read_address(url, self), f"line {node.lineno}")
        if "headers" in words:
            request.headers = read_headers(self.value(words.pop("headers")))
        for name, given in words.items():
            try:
                self._word(request, name, given)
            except Unclear:
                self.leave(node, f"{name}= was left out: there are no words for its value")
        answer = self.names.new(of_path("".join(each for each in _texts(request.path))), "answer")
        self.answers[answer] = request
        self.steps.append(request)
        return Named(answer)

    def _word(self, request: Request, name: str, given: ast.expr) -> None:
        if name in _SILENT:
            return
        if name == "json":
            request.json = self.value(given)
        elif name == "data" and isinstance(given, ast.Call) and dotted(given.func) in ("json.dumps", "dumps"):
            request.json = self.value(given.args[0])
            request.headers = [each for each in request.headers if each != ("Content-Type", Known("application/json"))]
        elif name == "data":
            read_form(self.value(given), request)
        elif name == "params":
            read_query(self.value(given), request)
        elif name == "auth":
            request.headers.append(read_credentials(self.value(given)))
        elif name == "name":
            told = self.value(given)
            if not isinstance(told, Known):
                raise Unclear
            request.name = str(told.value)
        elif name != "allow_redirects" or self.value(given) != Known(value=False):
            self.leave(given, f"{name}= was left out")

    def _known_function(self, name: str, node: ast.Call) -> Value | None:
        given = node.args
        match name.removeprefix("random."), len(given):
            case "randint", 2:
                return drawn("int", *(_whole(self.value(each)) for each in given))
            case "randrange", 1 | 2:
                ends = [self.value(each) for each in given]
                low, high = (Known(0), ends[0]) if len(ends) == 1 else ends
                if not isinstance(high, Known) or not isinstance(high.value, int):
                    raise Unclear
                return drawn("int", _whole(low), high.value - 1)
            case "choice", 1:
                return one_of(self.value(given[0]))
            case "uuid.uuid4" | "uuid4", 0:
                return drawn("uuid")
            case "str", 1:
                value = self.text(given[0])
                is_text = isinstance(value, Joined | Known) or value == drawn("uuid")
                return value if is_text else Joined((value,))
            case "int", 1:
                value = self.value(given[0])
                return value if isinstance(value, Known) and isinstance(value.value, int) else _late(value, "int")
            case "len", 1:
                return _late(self.value(given[0]), "length")
            case "os.getenv" | "os.environ.get", 1 | 2:
                return self._environment(self.value(given[0]), self.value(given[1]) if len(given) == 2 else None)
            case _:
                return None

    def _environment(self, name: Value, otherwise: Value | None) -> Value:
        if isinstance(otherwise, Known) and isinstance(otherwise.value, str):
            return otherwise
        if not isinstance(name, Known) or not isinstance(name.value, str):
            raise Unclear
        plain = "".join(each if each.isascii() and each.isalnum() else "_" for each in name.value).strip("_").upper()
        return environment(f"VARIABLE_{plain[:50] or 'VALUE'}")


def _texts(path: Value) -> list[str]:
    parts = path.parts if isinstance(path, Joined) else (path,)
    known = (each.value if isinstance(each, Known) else each for each in parts)
    return [each if isinstance(each, str) else "{}" for each in known]


def _late(value: Value, name: str) -> Value:
    if not is_late(value) or isinstance(value, Mapping):
        raise Unclear
    return method(value, name)


def _whole(value: Value) -> Value:
    if isinstance(value, Known) and not isinstance(value.value, int):
        raise Unclear
    return value


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func) == "super"


def _verdict(body: list[ast.stmt], name: str) -> str:
    """`success` or `failure`, where a block says nothing else of an answer."""
    if len(body) != 1 or not isinstance(body[0], ast.Expr) or not isinstance(body[0].value, ast.Call):
        return ""
    called = dotted(body[0].value.func)
    return called.rpartition(".")[2] if called in (f"{name}.success", f"{name}.failure") else ""


def _status(condition: Value, request: Request) -> tuple[str, int] | None:
    """The comparison of a status with a constant."""
    match condition:
        case Operation(Member(Named(name), "status"), "==" | "!=" as sign, Known(int() as code)) if (
            name == request.answer
        ):
            return sign, code
        case _:
            return None


def _opposite(condition: Value) -> Value:
    if isinstance(condition, Negated):
        return condition.of
    turned = {"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
    if isinstance(condition, Operation) and condition.sign in turned:
        return Operation(condition.left, turned[condition.sign], condition.right)
    return Negated(condition)


def _reason(node: ast.If, name: str) -> str:
    for each in ast.walk(node):
        if isinstance(each, ast.Call) and dotted(each.func) == f"{name}.failure" and each.args:
            given = each.args[0]
            if isinstance(given, ast.Constant) and isinstance(given.value, str):
                return given.value
    return "the answer is as expected"
