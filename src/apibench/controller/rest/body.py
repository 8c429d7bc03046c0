"""
The body of a request: bounded before it is read, strict JSON, and refused with all its faults.

FastAPI's own reading takes NaN, keys that stand twice and bodies of any size, so it is not used; the models here are
published by hand (`takes`).
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn, TypeVar

from fastapi import Request
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from apibench.controller.bundles import Bundles, Code
from apibench.controller.catalogue import Catalogue
from apibench.controller.rest.bodies import Body
from apibench.controller.rest.refusals import RequestRefused, unprocessable
from apibench.model import shape
from apibench.model.errors import PlanInvalid
from apibench.model.fault import Fault, place_text
from apibench.model.part import Part
from apibench.model.plan import Plan
from apibench.model.validation import fault_of, follows_from_others, too_much

MAX_BODY_BYTES = 4 * 1024 * 1024
_Body = TypeVar("_Body", bound=Body)


async def read_body(request: Request, model: type[_Body]) -> _Body:
    """The body as that model. Raises RequestRefused: 400, 413, 415, or 422 with all faults."""
    body, faults = _validated(await _document(request), model)
    if body is None or faults:
        raise unprocessable(faults)
    return body


class Planned(NamedTuple):
    """What is to be run."""

    plan: Plan
    code: Code | None
    """What it has called."""


def code_detail(planned: Planned | None) -> dict[str, str]:
    """What the audit log is told of code: which, and whose."""
    code = None if planned is None else planned.code
    return {} if code is None else {"bundle_sha256": code.sha256, "signed_by": code.signed_by}


async def read_body_with_plan(request: Request, model: type[_Body], bundles: Bundles) -> tuple[_Body, Planned | None]:
    """The same for a body with a `plan` and its code, the `bundle`, whose faults are told with the body's."""
    document = await _document(request)
    body, faults = _validated(document, model)
    planned = None
    if isinstance(document, dict) and isinstance(document.get("plan"), dict):
        try:
            plan = Catalogue.plan(document["plan"])
        except PlanInvalid as error:
            faults += [_in_plan(fault) for fault in error.faults]
        else:
            code, more = bundles.code_of(plan, document.get("bundle"))
            known = {fault.path for fault in faults}
            faults += [fault for fault in more if fault.path not in known]
            planned = Planned(plan, code)
    if body is None or faults:
        raise unprocessable(faults)
    return body, planned


async def read_nothing(request: Request) -> None:
    """For what takes no body: none, or an empty object. Raises RequestRefused (400, 413)."""
    content = await _content(request)
    if content.strip() not in (b"", b"{}"):
        raise RequestRefused(400, "body.unwanted", "this takes no body", "Leave it out.")


def takes(model: type[Part]) -> dict[str, Any]:
    """What the published document says of a body: for `openapi_extra`."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs", {})
    content = {"application/json": {"schema": _inlined(schema, definitions)}}
    return {"requestBody": {"required": True, "content": content}}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """Without references: our bodies are small, and none holds itself."""
    if isinstance(schema, dict) and "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    if isinstance(schema, dict):
        return {key: _inlined(value, definitions) for key, value in schema.items()}
    if isinstance(schema, list):
        return [_inlined(value, definitions) for value in schema]
    return schema


async def _content(request: Request) -> bytes:
    announced = request.headers.get("content-length", "0")
    if not announced.isascii() or not announced.isdigit():
        raise RequestRefused(400, "body.length", "Content-Length is no number", "Leave it to your HTTP library.")
    if int(announced[:20]) > MAX_BODY_BYTES:
        raise _too_large()
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise _too_large()
    return bytes(content)


async def _document(request: Request) -> Any:
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().replace('"', "")
    if kind.strip().lower() != "application/json" or charset not in ("", "charset=utf-8"):
        raise RequestRefused(
            415, "body.type", "the body is not announced as JSON", "Send `Content-Type: application/json`."
        )
    content = await _content(request)
    try:
        document = json.loads(content.decode("utf-8"), object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise _unreadable(f"line {error.lineno}, column {error.colno}: {error.msg}") from error
    except UnicodeDecodeError as error:
        raise _unreadable(f"byte {error.start} is not UTF-8") from error
    except ValueError as error:
        raise _unreadable(str(error)) from error
    except RecursionError as error:
        raise _unreadable("it is nested too deep") from error
    excess = too_much(document)
    if excess is not None:
        raise unprocessable([excess])
    if any(_is_broken(text) for text in _texts(document)):
        # JSON can write one half of a character (\ud800), which no store can keep.
        raise _unreadable("a text holds half of a character")
    return document


def _validated(document: Any, model: type[_Body]) -> tuple[_Body | None, list[Fault]]:
    between = model.faults_between(document) if isinstance(document, dict) else []
    try:
        return model.model_validate(document), between
    except ValidationError as error:
        found = [each for each in error.errors(include_url=False) if not follows_from_others(each)]
        return None, [*(_in_body(details, model) for details in found), *between]


def _in_body(details: ErrorDetails, model: type[Part]) -> Fault:
    path = tuple(word for word in details["loc"] if word != "[key]")
    found = fault_of(details, path, _model_at(model, path))
    remedy = "See /v1/openapi.json." if "apibench plan" in found.remedy else found.remedy
    return Fault(found.code, found.place, found.message, remedy, path=path)


def _model_at(model: type[Part], path: tuple[str | int, ...]) -> type[Part] | None:
    """The model in which the last word of a path stands."""
    annotation: Any = model
    for word in path[:-1]:
        parts = shape.parts(annotation)
        field = parts[0].model_fields.get(word) if parts and isinstance(word, str) else None
        annotation = field.annotation if field is not None else shape.item(annotation)
    parts = shape.parts(annotation) if annotation is not None else ()
    return parts[0] if parts else None


def _in_plan(fault: Fault) -> Fault:
    path = ("plan", *fault.path)
    return Fault(fault.code, place_text(path), fault.message, fault.remedy, path=path)


def _texts(document: Any) -> Iterator[str]:
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _is_broken(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        message = "a key stands twice in one object"
        raise ValueError(message)
    return value


def _no_constant(word: str) -> NoReturn:
    message = f"{word} is no number"
    raise ValueError(message)


def _unreadable(why: str) -> RequestRefused:
    return RequestRefused(400, "body.unreadable", f"the body is no JSON that we read: {why}", "Mend the syntax.")


def _too_large() -> RequestRefused:
    message = f"the body is larger than {MAX_BODY_BYTES // 1024 // 1024} MiB"
    return RequestRefused(413, "body.large", message, "Split it.")
