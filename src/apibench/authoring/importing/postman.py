"""Collections of Postman, version 2.1: requests in their order, folders as comments, variables filled in."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from apibench.authoring.importing.addresses import split_address, template
from apibench.authoring.importing.authorization import basic
from apibench.authoring.importing.bodies import JSON
from apibench.authoring.importing.hosts import Hosts
from apibench.authoring.importing.journey import Assign, Check, Comment, Journey, Request, Step
from apibench.authoring.importing.names import Names
from apibench.authoring.importing.postman_scripts import Keys, Script, read_script
from apibench.authoring.importing.postman_variables import PLACE, Variables
from apibench.authoring.importing.source import read_json
from apibench.authoring.importing.templated import compact, filled, filled_json, in_address
from apibench.authoring.importing.values import Item, Joined, Known, Member, Named, Operation, Secret, Value, joined
from apibench.authoring.multipart import multipart_body
from apibench.model.errors import SourceUnreadable

UNKNOWN = "http://localhost:8080"
_MOST_DEPTH = 50
_AUTHORITY = re.compile(r"(?:\{\{[^{}]*\}\}|[^/?#{])+")
_FORM = "application/x-www-form-urlencoded"


def journey(source: str, second: str | None, name: str) -> Journey:
    """
    A collection, and an environment if there is a second source.

    Raises SourceUnreadable.
    """
    document = read_json(source)
    collection = document.get("collection", document)
    if not isinstance(collection, dict) or not isinstance(collection.get("item"), list):
        raise SourceUnreadable(f"{source} is no collection of Postman: it has no items", "Export it as version 2.1.")
    found = Journey("postman", source)
    variables = Variables(found)
    variables.read(collection.get("variable"))
    if second is not None:
        values = read_json(second).get("values")
        if not isinstance(values, list):
            raise SourceUnreadable(f"{second} is no environment of Postman: it has no values", "Export it again.")
        variables.read(values)
    info = collection.get("info")
    called = info.get("name") if isinstance(info, dict) else None
    Collection(found, variables, called if isinstance(called, str) and called.isascii() else name).read(collection)
    return found


class Collection:
    """One that is being read."""

    def __init__(self, found: Journey, variables: Variables, name: str) -> None:
        self._journey = found
        self._variables = variables
        self._names = Names()
        self._hosts = Hosts(found, name)
        self._waiting: list[Step] = []
        """Comments that stand before the next request."""

    def read(self, holder: dict[str, Any], path: tuple[str, ...] = (), auth: Any = None) -> None:
        """The items of a collection or of a folder, one behind the other."""
        auth = holder.get("auth") or auth
        if len(path) > _MOST_DEPTH:
            self._journey.leave("", f"folders deeper than {_MOST_DEPTH} were left out")
            return
        for kind, script in _scripts(holder):
            self._tell_script(" / ".join(path) or "the collection", kind, script)
        for number, item in enumerate(holder["item"], 1):
            if not isinstance(item, dict):
                continue
            called = item.get("name") if isinstance(item.get("name"), str) else f"item {number}"
            here = (*path, str(called)[:80])
            if isinstance(item.get("item"), list):
                self._waiting.append(Comment(" / ".join(here)))
                self.read(item, here, auth)
            elif item.get("request") is not None:
                self._request(item, here, auth)

    def _request(self, item: dict[str, Any], path: tuple[str, ...], auth: Any) -> None:
        asked = item["request"] if isinstance(item["request"], dict) else {"url": item["request"]}
        place = self._variables.place = " / ".join(path)
        scripts = list(_scripts(item))
        if any(script.takes_rows for _, script in scripts):
            told = "its script takes values of a file of data: csv(…).next() and jsonl(…).next() are its rows"
            self._journey.leave(place, told)
        for kind, script in scripts:
            if kind == "prerequest":
                self._before(place, script)
        address = self._address(asked.get("url"), place)
        if address is None:
            return
        origin, target = address
        request = Request(str(asked.get("method") or "GET"), target, place)
        for each in _list(asked.get("header")):
            if isinstance(each.get("key"), str) and not each.get("disabled"):
                request.headers.append((each["key"], self._variables.header(each["key"], str(each.get("value") or ""))))
        self._auth(request, asked.get("auth") or auth, place)
        self._body(request, asked.get("body"), place)
        shown = "".join(each if isinstance(each, str) else "{value}" for each in _parts(target))
        if template(shown) != shown.partition("?")[0] and "{value}" not in shown:
            request.name = f"{request.method} {template(shown)}"
        steps: list[Step] = [*self._waiting, request]
        self._waiting = []
        for kind, script in scripts:
            if kind != "prerequest":
                steps += self._after(request, path[-1], place, script)
        self._hosts.add(origin, *steps)

    def _before(self, place: str, script: Script) -> None:
        for name, value in script.kept_texts:
            self._variables.set(name, Known(value))
        script.kept_texts = []
        others = bool(script.kept or script.kept_headers or script.statuses or script.equal or script.others)
        if others:
            self._journey.leave(place, "its script before the request was left out")

    def _after(self, request: Request, called: str, place: str, script: Script) -> Iterator[Step]:
        """What a script does with the answer."""
        request.expect = (*request.expect, *script.statuses)
        for name, value in script.kept_texts:
            self._variables.set(name, Known(value))
        for name, keys in script.kept:
            yield self._kept(name, _inside(Member(self._answer(request, called), "json"), keys))
        for name, header in script.kept_headers:
            yield self._kept(name, Item(Member(self._answer(request, called), "headers"), Known(header)))
        for name, keys, value in script.equal:
            taken = _inside(Member(self._answer(request, called), "json"), keys)
            yield Check(Operation(taken, "==", Known(value)), name)
        self._tell_script(place, "test", Script(others=script.others))

    def _kept(self, name: str, value: Value) -> Assign:
        variable = self._names.new(name)
        self._variables.set(name, Named(variable))
        return Assign(variable, value)

    def _answer(self, request: Request, called: str) -> Named:
        if not request.answer:
            request.answer = self._names.new(called, "answer")
        return Named(request.answer)

    def _tell_script(self, place: str, kind: str, script: Script) -> None:
        lines = ", ".join(str(number) for number in script.others[:10]) + (", …" if len(script.others) > 10 else "")
        if script.others:
            word = "line" if len(script.others) == 1 else "lines"
            self._journey.leave(place, f"of its {kind} script {word} {lines} were left out")

    def _address(self, url: Any, place: str) -> tuple[str, Value] | None:
        text = (url if isinstance(url, str) else _raw(url) if isinstance(url, dict) else "").strip()
        if isinstance(url, dict):
            text = _with_path_variables(text, url.get("variable"))
        scheme, slashes, rest = text.rpartition("://")
        begin = _AUTHORITY.match(rest)
        host, way = (rest[: begin.end()], rest[begin.end() :]) if begin else ("", rest)
        unknown = [each[1] for each in PLACE.finditer(host) if not self._variables.knows(each[1])]
        path = in_address(_path(filled(way, PLACE, self._variables.value)))
        if unknown:
            self._journey.leave("", f"the host '{unknown[0]}' has no value here: {UNKNOWN} stands for it")
            return UNKNOWN, path
        before = self._variables.text(scheme + slashes + host)
        split = split_address(str(before.value)) if isinstance(before, Known) and host else None
        if split is None:
            self._journey.leave(place, "a request was left out: its address is none of HTTP")
            return None
        return split[0], joined("" if split[1] == "/" else split[1], path)

    def _auth(self, request: Request, auth: Any, place: str) -> None:
        kind = auth.get("type") if isinstance(auth, dict) else None
        if kind in (None, "noauth") or any(name.lower() == "authorization" for name, _ in request.headers):
            return
        given = _settings(auth.get(kind))
        if kind == "bearer" or (kind == "oauth2" and given.get("accessToken")):
            token = given.get("token", "") if kind == "bearer" else given["accessToken"]
            request.headers.append(("Authorization", joined("Bearer ", self._variables.header("Authorization", token))))
        elif kind == "basic":
            request.headers.append(("Authorization", self._basic(given)))
        elif kind == "apikey":
            name, value = given.get("key") or "X-Api-Key", given.get("value", "")
            if given.get("in") == "query":
                request.query.append((name, self._variables.text(value)))
            else:
                filled_in = self._variables.header(name, value)
                if isinstance(filled_in, Known):
                    known = str(filled_in.value)
                    filled_in = Secret(self._journey.secret(name, known) if known else "API_KEY")
                request.headers.append((name, filled_in))
        else:
            self._journey.leave(place, f"authentication of the kind '{kind}' was left out")

    def _basic(self, given: dict[str, str]) -> Value:
        names = ("username", "password")
        user, password = (self._variables.header("Authorization", given.get(each, "")) for each in names)
        if isinstance(user, Known) and isinstance(password, Known):
            return Known(basic(str(user.value), str(password.value)))
        if isinstance(user, Known) and isinstance(password, Joined) and isinstance(password.parts[0], Secret):
            return joined("Basic ", Secret(password.parts[0].name, f"basic:{user.value}"))
        return joined("Basic ", Secret("CREDENTIALS", "base64"))

    def _body(self, request: Request, body: Any, place: str) -> None:
        if not isinstance(body, dict) or body.get("disabled"):
            return
        mode = body.get("mode")
        if mode == "raw" and isinstance(body.get("raw"), str) and body["raw"].strip():
            self._raw_body(request, body)
        elif mode == "urlencoded":
            parts: list[str | Value] = []
            for each in _list(body.get("urlencoded")):
                if isinstance(each.get("key"), str) and not each.get("disabled"):
                    value = self._variables.text(str(each.get("value") or ""))
                    parts += ["&" if parts else "", quote(each["key"], safe=""), "=", _in_form(value)]
            request.data = joined(*parts)
            _with_type(request, _FORM)
        elif mode == "formdata":
            self._form(request, _list(body.get("formdata")), place)
        elif mode == "graphql" and isinstance(body.get("graphql"), dict):
            given = body["graphql"]
            query = compact(given.get("query", ""))
            variables = given.get("variables") or "{}"
            text = (
                f'{{"query": {query}, "variables": {variables if isinstance(variables, str) else compact(variables)}}}'
            )
            request.json = filled_json(text, PLACE, self._variables.value)
            if request.json is None:
                self._journey.leave(place, "its body was left out: the variables of its query are no JSON")
        elif mode == "file":
            self._journey.leave(place, "its body was left out: it is a file")

    def _raw_body(self, request: Request, body: dict[str, Any]) -> None:
        options = body.get("options")
        raw = options.get("raw") if isinstance(options, dict) else None
        language = raw.get("language") if isinstance(raw, dict) else None
        types = [value for name, value in request.headers if name.lower() == "content-type"]
        said = types[0].value if types and isinstance(types[0], Known) else None
        is_json = (isinstance(said, str) and "json" in said) or (not types and language in ("json", None))
        document = filled_json(body["raw"], PLACE, self._variables.value) if is_json else None
        if document is not None:
            request.json = document
            if said is None or str(said).partition(";")[0].strip().lower() == JSON:
                request.headers = [each for each in request.headers if each[0].lower() != "content-type"]
        else:
            request.data = self._variables.text(body["raw"])
            kinds = {
                "json": JSON,
                "xml": "application/xml",
                "html": "text/html",
                "javascript": "application/javascript",
            }
            _with_type(request, kinds.get(str(language), "text/plain"))

    def _form(self, request: Request, fields: list[dict[str, Any]], place: str) -> None:
        given = []
        for each in fields:
            if each.get("type") == "file":
                self._journey.leave(place, "a field of its form is a file, and was left out")
            elif isinstance(each.get("key"), str) and each["key"] and not each.get("disabled"):
                value = str(each.get("value") or "")
                if value.startswith(("@", "<")) or "=" in each["key"]:
                    self._journey.leave(place, "a field of its form was left out: it begins like a file")
                else:
                    given.append(f"{each['key']}={value}")
        form = multipart_body(given, lambda _: b"")
        request.headers = [each for each in request.headers if each[0].lower() != "content-type"]
        request.headers.append(("Content-Type", Known(form.content_type)))
        request.data = self._variables.text(form.content.decode("utf-8", "replace"))


def _in_form(value: Value) -> Value:
    return joined(*(quote(each, safe="") if isinstance(each, str) else in_address(each) for each in _parts(value)))


def _with_type(request: Request, kind: str) -> None:
    if not any(name.lower() == "content-type" for name, _ in request.headers):
        request.headers.append(("Content-Type", Known(kind)))


def _parts(value: Value) -> list[str | Value]:
    if isinstance(value, Joined):
        return list(value.parts)
    return [value.value if isinstance(value, Known) and isinstance(value.value, str) else value]


def _path(value: Value) -> Value:
    parts = [each.partition("#")[0] if isinstance(each, str) else each for each in _parts(value)]
    begins = isinstance(parts[0], str) and parts[0].startswith("/")
    return joined(*parts) if begins else joined("/", *parts)


def _inside(value: Value, keys: Keys) -> Value:
    for key in keys:
        value = Item(value, Known(key))
    return value


def _raw(url: dict[str, Any]) -> str:
    if isinstance(url.get("raw"), str):
        return str(url["raw"])
    host, path = url.get("host"), url.get("path")
    where = ".".join(map(str, host)) if isinstance(host, list) else str(host or "")
    way = "/".join(map(str, path)) if isinstance(path, list) else str(path or "")
    pairs = [each for each in _list(url.get("query")) if not each.get("disabled")]
    query = "&".join(f"{each.get('key', '')}={each.get('value') or ''}" for each in pairs)
    protocol = f"{url['protocol']}://" if isinstance(url.get("protocol"), str) else ""
    return f"{protocol}{where}/{way}{'?' if query else ''}{query}"


def _with_path_variables(text: str, variables: Any) -> str:
    """`/users/:id` with what `id` is."""
    known = {each["key"]: str(each.get("value") or "") for each in _list(variables) if isinstance(each.get("key"), str)}
    head, sign, query = text.partition("?")
    start, slashes, rest = head.partition("://")
    segments = (rest if slashes else start).split("/")
    segments = [known.get(each[1:]) or each if each.startswith(":") else each for each in segments]
    return f"{start + slashes if slashes else ''}{'/'.join(segments)}{sign}{query}"


def _scripts(holder: dict[str, Any]) -> Iterator[tuple[str, Script]]:
    for event in _list(holder.get("event")):
        script = event.get("script")
        if isinstance(script, dict) and not event.get("disabled"):
            yield str(event.get("listen")), read_script(script.get("exec"))


def _settings(given: Any) -> dict[str, str]:
    """Of an authentication: pairs in version 2.1, an object in 2.0."""
    if isinstance(given, dict):
        return {str(key): str(value) for key, value in given.items() if value is not None}
    pairs = ((each.get("key"), each.get("value")) for each in _list(given))
    return {key: str(value) for key, value in pairs if isinstance(key, str) and value is not None}


def _list(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
