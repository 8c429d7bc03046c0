"""Descriptions of OpenAPI 3.0 and 3.1: one step for each operation, drawn by weight, with valid data."""

import re
from typing import Any
from urllib.parse import quote

from apibench.authoring.importing.addresses import split_address
from apibench.authoring.importing.bodies import JSON
from apibench.authoring.importing.journey import Behaviour, Case, Journey, Pick, Request
from apibench.authoring.importing.schema_values import Maker
from apibench.authoring.importing.source import one_source, read_json_or_yaml
from apibench.authoring.importing.values import Known, Secret, Value, environment, joined, json_like, of_document
from apibench.authoring.multipart import multipart_body
from apibench.model.errors import SourceUnreadable

METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
UNKNOWN = "http://localhost:8080"
_PLACE = re.compile(r"\{([^{}]+)\}")
_FORM = "application/x-www-form-urlencoded"
_MOST_REFERENCES = 50
_NAME = re.compile(r"[^A-Za-z0-9]+")


def journey(source: str, second: str | None, name: str) -> Journey:
    """
    A description in JSON or YAML.

    Raises SourceUnreadable, or UsageError for a second source.
    """
    one_source("openapi", second)
    document = read_json_or_yaml(source)
    version = str(document.get("openapi", ""))
    if not version.startswith(("3.0", "3.1")):
        says = f"version {version}" if version else "a Swagger of version 2" if "swagger" in document else "no version"
        raise SourceUnreadable(f"{source} says {says}", "Descriptions of OpenAPI 3.0 and 3.1 are read.")
    found = Journey("openapi", source, made_up=True)
    description = Description(document, found)
    info = document.get("info")
    title = info.get("title") if isinstance(info, dict) else None
    base_url, before = description.server()
    cases = [Case(1, called, [request]) for called, request in description.operations(before)]
    steps = [Pick(cases)] if len(cases) > 1 else cases[0].steps if cases else []
    found.scenarios.append(
        Behaviour(title if isinstance(title, str) and title.isascii() else name, base_url, list(steps))
    )
    if cases:
        found.leave("", "values are made up from the schemas: put in ids and names that the target knows")
    return found


class Description:
    """One that is being read."""

    def __init__(self, document: dict[str, Any], found: Journey) -> None:
        self._document = document
        self._journey = found
        self._maker = Maker(self.resolved)
        self._place = ""

    def resolved(self, value: Any) -> dict[str, Any]:
        """What a reference within the document refers to; nothing where that is not there."""
        for _ in range(_MOST_REFERENCES):
            if not isinstance(value, dict):
                return {}
            reference = value.get("$ref")
            if not isinstance(reference, str):
                return value
            if not reference.startswith("#/"):
                self._journey.leave(self._place, "references to other files were left out")
                return {}
            value = self._document
            for word in reference[2:].split("/"):
                word = word.replace("~1", "/").replace("~0", "~")  # noqa: PLW2901 - the word that is meant
                value = value.get(word) if isinstance(value, dict) else None
        return {}

    def server(self) -> tuple[str, str]:
        """The `base_url`, and the path that stands before those of all operations."""
        servers = self._document.get("servers")
        first = servers[0] if isinstance(servers, list) and servers and isinstance(servers[0], dict) else {}
        variables = self.resolved(first.get("variables"))
        url = _PLACE.sub(
            lambda place: str(self.resolved(variables.get(place[1])).get("default", "")), str(first.get("url", ""))
        )
        split = split_address(url) if "://" in url else None
        if split is None:
            self._journey.leave("servers", f"no server with an address of HTTP: {UNKNOWN} stands for it")
            return UNKNOWN, url.rstrip("/") if url.startswith("/") else ""
        if isinstance(servers, list) and len(servers) > 1:
            self._journey.leave("servers", "only the first server is used")
        return split[0], split[1].rstrip("/")

    def operations(self, before: str) -> list[tuple[str, Request]]:
        """All operations, in order: what each is called, and its request."""
        found = []
        paths = self._document.get("paths")
        for path, raw in paths.items() if isinstance(paths, dict) else ():
            holder = self.resolved(raw)
            for method in METHODS:
                operation = holder.get(method)
                if isinstance(operation, dict):
                    self._place = f"{method.upper()} {path}"
                    self._maker.doubts = []
                    request = self._request(str(path), method, operation, holder.get("parameters"), before)
                    called = operation.get("operationId")
                    found.append((called if isinstance(called, str) else self._place, request))
                    for doubt in self._maker.doubts:
                        self._journey.leave(self._place, doubt)
        return found

    def _request(self, path: str, method: str, operation: dict[str, Any], shared: Any, before: str) -> Request:
        request = Request(method.upper(), Known(path), self._place)
        parameters = self._parameters(shared, operation.get("parameters"))
        known = {each["name"]: each for each in parameters if each["in"] == "path"}

        def filled(place: re.Match[str]) -> str:
            return quote(self._plain(known.get(place[1], {})), safe="")

        request.path = Known(before + _PLACE.sub(filled, path))
        if _PLACE.search(path):
            request.name = f"{request.method} {path}"
        for each in parameters:
            if each.get("required") is not True:
                continue
            value = self._plain(each)
            if each["in"] == "query":
                request.query.append((each["name"], Known(value)))
            elif each["in"] == "header":
                request.headers.append((each["name"], Known(value)))
            elif each["in"] == "cookie":
                request.headers.append(("Cookie", Known(f"{each['name']}={quote(value, safe='')}")))
        self._body(request, self.resolved(operation.get("requestBody")))
        self._security(request, operation.get("security", self._document.get("security")))
        return request

    def _parameters(self, *lists: Any) -> list[dict[str, Any]]:
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for each in lists:
            for raw in each if isinstance(each, list) else []:
                parameter = self.resolved(raw)
                if isinstance(parameter.get("name"), str) and isinstance(parameter.get("in"), str):
                    found[parameter["in"], parameter["name"]] = parameter
        return list(found.values())

    def _plain(self, parameter: dict[str, Any]) -> str:
        """A value of a parameter, as text."""
        value = self._example(parameter, parameter.get("schema"))
        if isinstance(value, list):
            return ",".join(_as_text(each) for each in value)
        if isinstance(value, dict):
            return ",".join(f"{key},{_as_text(each)}" for key, each in value.items())
        return _as_text(value) or "1"

    def _example(self, holder: dict[str, Any], schema: Any) -> Any:
        if "example" in holder:
            return holder["example"]
        examples = holder.get("examples")
        if isinstance(examples, dict):
            for each in examples.values():
                example = self.resolved(each)
                if "value" in example:
                    return example["value"]
        return self._maker.value(schema if schema is not None else {})

    def _body(self, request: Request, body: dict[str, Any]) -> None:
        content = body.get("content")
        if not isinstance(content, dict) or not content:
            return
        kinds = [str(kind) for kind in content]
        json_kinds = [
            kind for kind in kinds if kind.partition(";")[0] == JSON or kind.partition(";")[0].endswith("+json")
        ]
        kind = next(iter(json_kinds or [each for each in kinds if each == _FORM] or kinds))
        media = self.resolved(content[kind])
        value = self._example(media, media.get("schema"))
        plain = kind.partition(";")[0].strip().lower()
        if kind in json_kinds or plain == "*/*":
            self._json_body(request, value, kind if plain not in (JSON, "*/*") else "")
        elif plain == _FORM and isinstance(value, dict):
            pairs = (f"{quote(str(key), safe='')}={quote(_as_text(each), safe='')}" for key, each in value.items())
            request.data = Known("&".join(pairs))
            request.headers.append(("Content-Type", Known(_FORM)))
        elif plain == "multipart/form-data" and isinstance(value, dict):
            fields = [f"{key}={_as_text(each)}" for key, each in value.items() if _can_be_field(str(key), each)]
            form = multipart_body(fields, lambda _: b"")
            request.data = Known(form.content.decode("utf-8", "replace"))
            request.headers.append(("Content-Type", Known(form.content_type)))
            self._journey.leave(self._place, "files of its form are short texts")
        elif isinstance(value, str):
            request.data = Known(value)
            request.headers.append(("Content-Type", Known(kind)))
        else:
            self._journey.leave(self._place, f"its body was left out: nothing is made for {kind}")

    def _json_body(self, request: Request, value: Any, kind: str) -> None:
        if value is None:
            request.data = Known("null")
            request.headers.append(("Content-Type", Known(kind or JSON)))
            return
        request.json = of_document(_of_json(value))
        if kind:
            request.headers.append(("Content-Type", Known(kind)))

    def _security(self, request: Request, asked: Any) -> None:
        ways = [each for each in asked if isinstance(each, dict)] if isinstance(asked, list) else []
        if not ways or any(not each for each in ways):
            return
        components = self.resolved(self._document.get("components"))
        schemes = self.resolved(components.get("securitySchemes"))
        for name in ways[0]:
            scheme = self.resolved(schemes.get(name))
            secret = _NAME.sub("_", str(name)).strip("_").upper()[:50] or "SECRET"
            self._secure(request, scheme, secret if not secret[0].isdigit() else f"KEY_{secret}", str(name))

    def _secure(self, request: Request, scheme: dict[str, Any], secret: str, called: str) -> None:
        kind, where, name = scheme.get("type"), scheme.get("in"), str(scheme.get("name") or "X-Api-Key")
        http = str(scheme.get("scheme", "")).lower()
        value: Value | None = None
        if kind in ("oauth2", "openIdConnect") or (kind == "http" and http == "bearer"):
            value = joined("Bearer ", Secret(secret))
        elif kind == "http" and http == "basic":
            value = joined("Basic ", Secret(secret, "base64"))
            self._journey.leave("", f"the secret {secret} is `USER:PASSWORD`")
        if value is not None:
            request.headers.append(("Authorization", value))
        elif kind == "apiKey" and where == "query":
            request.query.append((name, environment(f"SECRET_{secret}")))
        elif kind == "apiKey" and where in ("header", "cookie"):
            in_cookie = joined(f"{name}=", Secret(secret))
            request.headers.append((name, Secret(secret)) if where == "header" else ("Cookie", in_cookie))
        else:
            self._journey.leave(self._place, f"the security scheme '{called}' was left out")


def _as_text(value: Any) -> str:
    return (
        value
        if isinstance(value, str)
        else json_like(_of_json(value))
        if not isinstance(value, dict | list)
        else str(value)
    )


def _of_json(value: Any) -> Any:
    """What YAML reads and JSON does not have, dates above all, as text."""
    if isinstance(value, dict):
        return {str(key): _of_json(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_of_json(each) for each in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _can_be_field(key: str, value: Any) -> bool:
    return bool(key) and "=" not in key and not _as_text(value).startswith(("@", "<"))
