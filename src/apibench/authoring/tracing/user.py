"""The virtual user of a scenario in Python: it sends requests, which become steps, and answers are late values."""

import json as plain_json
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any, Never
from urllib.parse import quote

from apibench.authoring.expression_words import has_late_parts
from apibench.authoring.json_path import extraction_of
from apibench.authoring.plan_words import parse_status_range
from apibench.authoring.tracing import trace
from apibench.authoring.tracing.arguments import a_word, of_words
from apibench.authoring.tracing.calls import callee_of, check_arguments
from apibench.authoring.tracing.late import Json, Late, Variable, known, read
from apibench.model.errors import UnitInvalid
from apibench.model.suggestion import did_you_mean

Document = dict[str, Any]
Body = str | bytes


class Expectation:
    """Which answers are ok."""

    def __init__(self, ranges: list[Document]) -> None:
        self.ranges = ranges


class Signature:
    """How requests are signed."""

    def __init__(self, document: Document) -> None:
        """`document`: in the plan's form."""
        self.document = document


@a_word
def status(*codes: int | str) -> Expectation:
    """
    Answers of these statuses are ok, and no others: `status(200)`, `status("2xx", 404)`, `status("200-204")`; from 100
    to 599.
    """
    try:
        return Expectation([parse_status_range(str(code)) for code in codes])
    except UnitInvalid as error:
        raise trace.refused("AB140", error.message, error.hint) from error


@of_words
class Response:
    """
    An answer that will have come when what is made of it is used. What it does not have fails a check, like `extract
    token`, and the iteration goes on or ends as its scenario says.
    """

    def __init__(self, request: Document, steps: list[Document]) -> None:
        self._request = request
        self._steps = steps
        self._taken: dict[str, Document] = {}

    @property
    def status(self) -> Late:
        """The status, a whole number."""
        return Late(lambda: self.take({"type": "status"}, "status"))

    @property
    def text(self) -> Late:
        """The whole body as text, up to 1 MiB, decoded where it came compressed."""
        return Late(lambda: self.take({"type": "body"}, "body"))

    @property
    def json(self) -> Json:
        """The JSON body: `r.json["items"][0]["id"]`; members by name, items by number from 0."""
        return Json(self._take_json)

    @property
    def headers(self) -> "Named":
        """Its headers, by name in any case: `r.headers["X-Id"]` is text, of several of one name the first."""
        return Named(self, "header")

    @property
    def cookies(self) -> "Named":
        """The cookies that it sets, by name: `r.cookies["sid"]` is the text of the last."""
        return Named(self, "cookie")

    def jsonpath(self, path: str) -> Late:
        """
        What a path selects of the JSON body (RFC 9535), an array: `r.jsonpath("$.items[?@.price < 10].id")`. Of a path
        that leads to one value at most, that value.
        """
        if not known(path, "JSON path").startswith("$"):
            raise trace.refused("AB140", "a path into JSON begins with $", 'Write it like "$.items[*].id".')
        of = extraction_of(path)
        if of["type"] == "json":
            return Json(self._take_json, tuple(of["path"]))
        return Late(lambda: self.take(of, "found"))

    def regex(self, pattern: str, group: int | str | None = None) -> Late:
        """
        What a group of the first match in the body has, by number or name: `r.regex('name="csrf" value="([^"]+)"')`.
        The first group unless told, the whole match where there is none.
        """
        wanted = group if isinstance(group, str) else "match"
        of = {"type": "regex", "pattern": known(pattern, "pattern"), "group": group}
        return Late(lambda: self.take(of, wanted))

    def boundary(self, left: str, right: str) -> Late:
        """What stands in the body between two texts, where they first do: `r.boundary("<b>", "</b>")`."""
        of = {"type": "boundary", "left": known(left, "boundary"), "right": known(right, "boundary")}
        return Late(lambda: self.take(of, "between"))

    def css(self, selector: str, attribute: str | None = None) -> Late:
        """
        The text of the first element of an HTML body that a CSS selector finds, or one of its attributes:
        `r.css("input[name=csrf]", "value")`.
        """
        of = {"type": "css", "selector": known(selector, "selector"), "attribute": attribute}
        return Late(lambda: self.take(of, attribute or "element"))

    def __str__(self) -> Never:
        raise trace.refused("AB104", "an answer has no text yet", 'Write what is wanted of it:  f"/{r.json["id"]}"')

    def __bool__(self) -> Never:
        raise trace.refused("AB101", remedy="Write:  with when(r.status < 400):")

    def _take_json(self, path: tuple[Any, ...]) -> Document:
        names = [key for key in path if isinstance(key, str)]
        return self.take({"type": "json", "path": list(path)}, names[-1] if names else "json")

    def take(self, of: Document, wanted: str) -> Document:
        """The variable that holds a part of it: taken out right behind the request, once."""
        known = plain_json.dumps(of)
        if known not in self._taken:
            name = trace.current().name(wanted)
            extract = {"type": "extract", "of": of, "to": name, "source": self._request["source"]}
            place = next(at for at, step in enumerate(self._steps) if step is self._request)
            self._steps.insert(place + 1 + len(self._taken), extract)
            self._taken[known] = {"type": "variable", "name": name}
        return self._taken[known]


class Named:
    """The headers or cookies of an answer."""

    def __init__(self, response: Response, kind: str) -> None:
        self._response = response
        self._kind = kind

    def __getitem__(self, name: str) -> Late:
        written = known(name, self._kind)
        return Late(lambda: self._response.take({"type": self._kind, "name": written}, written.lower()))


class UserHeaders(MutableMapping[str, Any]):
    """What every further request of the iteration sends: `u.headers["Authorization"] = f"Bearer {token}"`."""

    def __getitem__(self, name: str) -> Any:
        return trace.current().headers[name.lower()][2]

    def __setitem__(self, name: str, value: Any) -> None:
        trace.current().headers[known(name, "header").lower()] = (name, sent_text(value), value)

    def __delitem__(self, name: str) -> None:
        del trace.current().headers[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return (name for name, *_ in trace.current().headers.values())

    def __len__(self) -> int:
        return len(trace.current().headers)


class SharedValues:
    """What set-up has handed over, the same for every virtual user: `u.shared["token"]`."""

    def __getitem__(self, name: str) -> Late:
        written, there = known(name, "shared value"), trace.current().shared
        if written not in there:
            message = f"no set-up of this run hands over '{written}'"
            remedy = (
                did_you_mean(written, sorted(there)) if there else "Return it from a function under @shopper.setup."
            )
            raise trace.refused("AB140", message, remedy)
        return Late(lambda: {"type": "shared", "name": written})

    def __getattr__(self, name: str) -> Never:
        if name.startswith("_"):
            raise AttributeError(name)
        message = f"a shared value is asked for by its name in brackets, and not as `.{name}`"
        raise trace.refused("AB140", message, f'Write:  u.shared["{name}"]')


@of_words
class User:
    """A virtual user. What is to last from `on_start` on is kept in it: `u.token = login.json["token"]`."""

    if TYPE_CHECKING:
        # Names of a scenario's own may be set on it.
        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    headers: "UserHeaders"
    """
    What every further request of the iteration sends: `u.headers["Authorization"] = f"Bearer {token}"`; set within a
    block, within that. A request's own header of the same name comes before it.
    """

    def __init__(self, host: str) -> None:
        """`host`: of the plan's hosts, the one that its requests go to."""
        self._host = host
        self.headers = UserHeaders()
        self.shared = SharedValues()

    def var(self, name: str, start: Any) -> Variable:
        """
        What changes while the load runs, for the rest of the iteration. `name` is what it is called where it is shown:

            cursor = u.var("cursor", "")
            for _ in repeat(5):
                page = u.get("/items", params={"from": cursor})
                cursor.set(page.json["next"])
        """
        return Variable(known(name, "variable"), start)

    def get(self, path: str | Late, **words: Any) -> Response:
        """Send a GET; the words are those of `request`."""
        return self.request("GET", path, **words)

    def head(self, path: str | Late, **words: Any) -> Response:
        """Send a HEAD; the words are those of `request`."""
        return self.request("HEAD", path, **words)

    def post(self, path: str | Late, **words: Any) -> Response:
        """Send a POST; the words are those of `request`."""
        return self.request("POST", path, **words)

    def put(self, path: str | Late, **words: Any) -> Response:
        """Send a PUT; the words are those of `request`."""
        return self.request("PUT", path, **words)

    def patch(self, path: str | Late, **words: Any) -> Response:
        """Send a PATCH; the words are those of `request`."""
        return self.request("PATCH", path, **words)

    def delete(self, path: str | Late, **words: Any) -> Response:
        """Send a DELETE; the words are those of `request`."""
        return self.request("DELETE", path, **words)

    def options(self, path: str | Late, **words: Any) -> Response:
        """Send an OPTIONS; the words are those of `request`."""
        return self.request("OPTIONS", path, **words)

    def py(self, function: Callable[..., Any], /, *values: Any, **named: Any) -> Late:
        """
        What a function of Python makes of values while the load runs, in a process of its own:

            order = u.get("/orders/7")
            u.post("/pay", headers={"X-Sign": u.py(sign, order.json["id"], order.json["total"])})

        Args:
            function: of the file or of a module; another process finds it by its name. It shares nothing with what
                calls it, and other processes call it too.
            values: what it is given: late values, text, whole numbers, true, false, None. It returns a value of JSON.
            named: none: arguments are handed on by their places.

        Its time is counted apart, and its iteration has failed if it raises. Native steps cost a small part of it.
        """
        callee = callee_of(function)
        if named:
            raise trace.refused(
                "AB140",
                f"`u.py` hands no argument on by its name, like `{next(iter(named))}`",
                f"Give them in their order:  u.py({callee.name}, x, y)",
            )
        check_arguments(function, values)
        running = trace.current()
        arguments = [read(each) for each in values]
        name = running.name(callee.name.rpartition(".")[2])
        running.add({"type": "python", "function": running.callee(callee), "arguments": arguments, "to": name})
        return Late(lambda: {"type": "variable", "name": name})

    def end(self) -> None:
        """
        The iteration is over:

            with when(stock.json["left"] == 0):
                u.end()
        """
        trace.current().add({"type": "end"})

    def request(  # noqa: PLR0913 - what a request has
        self,
        method: str,
        path: str | Late,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, Any] | None = None,
        json: Any = None,
        data: Any = None,
        sign: Signature | None = None,
        expect: Expectation | None = None,
        name: str = "",
    ) -> Response:
        """
        Send a request, and go on when its answer is there. One that is not ok ends the iteration, unless the scenario
        has `on_fail="continue"`.

        Args:
            method: GET, POST, …
            path: behind the scenario's `base_url`, from its `/` on; it may have late parts behind that.
            params: the query, by name: text, whole numbers and late values, percent-encoded.
            headers: beside and in place of those of the user: text, whole numbers and late values. A late value with
                a line end in it is not sent, and fails a check.
            json: the body as JSON, with late values anywhere in it but in keys. Sets `Content-Type`, if no header does.
            data: the body as text, where it is not JSON; up to 8 MiB.
            sign: what proves who sends it, like `aws_sigv4(...)`.
            expect: which answers are ok, like `status("2xx", 404)`; every status below 400 unless told.
            name: what it is counted under, up to 200 characters; method and path unless told, of a late part its name:
                `GET /products/{id}`.
        """
        running, parts = trace.current(), _parts(_text(path))
        own = {known(key, "header").lower(): (key, sent_text(value)) for key, value in (headers or {}).items()}
        sent = {key: (written, text) for key, (written, text, _) in running.headers.items()} | own
        body = None
        if json is not None and data is not None:
            raise trace.refused("AB140", "a request has a body of JSON or of data", "Leave one of them out.")
        if json is not None:
            body = _joined(_json_parts(json))
            sent.setdefault("content-type", ("Content-Type", "application/json"))
        elif data is not None:
            body = sent_text(data)
        step: Document = {
            "type": "request",
            "host": self._host,
            "method": method,
            "path": _joined([*parts, *_query(parts, params or {})]),
            "headers": [[key, value] for key, value in sent.values()],
        }
        if body is not None:
            step["body"] = {"text": body}
        if sign is not None:
            step["sign"] = sign.document
        if expect is not None:
            step["expect"] = {"status": expect.ranges}
        if name:
            step["name"] = known(name, "request")
        return Response(running.add(step), running.steps)


def sent_text(value: Any) -> str | Document:
    """Text as a step has it."""
    return _joined(_parts(_text(value)))


def _text(value: Any) -> str | Document:
    """Text, or what makes it."""
    if isinstance(value, str):
        return trace.current().template(value)
    if isinstance(value, Late):
        return {"type": "call", "function": "concat", "arguments": [read(value)]}
    if isinstance(value, bool) or not isinstance(value, int):
        raise trace.refused(
            "AB140", f"a {type(value).__name__} is no text of a request", "Write text, or a late value."
        )
    return f"{value}"


def _parts(text: str | Document) -> list[str | Document]:
    if isinstance(text, dict) and text.get("function") == "concat":
        return [part for each in text["arguments"] for part in _parts(each)]
    return [text]


def _joined(parts: list[str | Document]) -> str | Document:
    """Parts one behind the other: text if all of them are known, and a plan would not read it as anything else."""
    texts = [part if isinstance(part, str) else part.get("value") for part in parts]
    if all(isinstance(text, str) for text in texts):
        whole = "".join(str(text) for text in texts)
        return {"type": "constant", "value": whole} if has_late_parts(whole) else whole
    arguments: list[Document] = []
    for part in parts:
        constant = {"type": "constant", "value": part} if isinstance(part, str) else part
        both = arguments and arguments[-1]["type"] == constant["type"] == "constant"
        if both and isinstance(arguments[-1]["value"], str) and isinstance(constant["value"], str):
            arguments[-1] = {"type": "constant", "value": arguments[-1]["value"] + constant["value"]}
        elif constant != {"type": "constant", "value": ""}:
            arguments.append(constant)
    return {"type": "call", "function": "concat", "arguments": arguments}


def _query(path: list[str | Document], params: Mapping[str, Any]) -> Iterator[str | Document]:
    sign = "&" if any("?" in (part if isinstance(part, str) else str(part.get("value"))) for part in path) else "?"
    for name, value in params.items():
        yield f"{sign}{quote(known(name, 'parameter'), safe='')}="
        text = _text(value)
        yield (
            quote(text, safe="")
            if isinstance(text, str)
            else {
                "type": "call",
                "function": "url_encoded",
                "arguments": [text],
            }
        )
        sign = "&"


def json_text(value: Any) -> Document:
    """What writes a value as JSON, as an expression."""
    text = _joined(_json_parts(value))
    return {"type": "constant", "value": text} if isinstance(text, str) else text


def _json_parts(value: Any) -> list[str | Document]:
    """A body of JSON, in pieces: what is known as it is written, what is late encoded when it is known."""
    if isinstance(value, Late):
        return [{"type": "call", "function": "json_encoded", "arguments": [read(value)]}]
    if isinstance(value, str) and trace.current().has_marks(value):
        return [{"type": "call", "function": "json_encoded", "arguments": [trace.current().read_text(value)]}]
    if isinstance(value, Mapping):
        parts: list[str | Document] = ["{"]
        for at, (key, each) in enumerate(value.items()):
            if not isinstance(key, str) or trace.current().has_marks(key):
                raise trace.refused("AB103", "a key of JSON is text that is known", "Write the key itself.")
            parts += [f"{', ' if at else ''}{plain_json.dumps(key, ensure_ascii=False)}: ", *_json_parts(each)]
        return [*parts, "}"]
    if isinstance(value, list | tuple):
        parts = ["["]
        for at, each in enumerate(value):
            parts += [", " if at else "", *_json_parts(each)]
        return [*parts, "]"]
    try:
        return [plain_json.dumps(value, ensure_ascii=False, allow_nan=False)]
    except (TypeError, ValueError) as error:
        raise trace.refused("AB140", f"{value!r} is no JSON", "Use text, numbers, lists and dictionaries.") from error
