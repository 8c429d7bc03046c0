"""Bodies: JSON becomes JSON, everything else that is text stays text."""

import json
from typing import Any

from apibench.authoring.importing.journey import Journey, Request
from apibench.authoring.importing.values import Known, Value, of_document

JSON = "application/json"


def media_type(request: Request) -> str:
    """What its Content-Type says, without parameters; empty where it has none that is known."""
    for name, value in request.headers:
        if name.lower() == "content-type" and isinstance(value, Known) and isinstance(value.value, str):
            return value.value.partition(";")[0].strip().lower()
    return ""


def set_body(request: Request, text: str, *, kind: str = "") -> None:
    """Give a request a body. `kind`: its media type, if no header of it says one."""
    said = media_type(request)
    kind = said or kind
    document = json_of(text) if kind == JSON or kind.endswith("+json") else None
    if document is not None:
        request.json = document
        if kind == JSON:
            request.headers = [each for each in request.headers if each[0].lower() != "content-type"]
            return
    else:
        request.data = Known(text)
    if kind and not said:
        request.headers.append(("Content-Type", Known(kind)))


def json_of(text: str) -> Value | None:
    """What a text of JSON holds; None where it is none, or nothing that `json=` would send as it is."""
    try:
        document = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return None if document is None or not _stays(document) else of_document(document)


def leave_body(request: Request, journey: Journey, why: str) -> None:
    """Take the body away, and say so."""
    request.json = request.data = None
    journey.leave(request.place, f"its body was left out: {why}")


def _refuse(word: str) -> Any:
    raise ValueError(word)


def _stays(document: Any, depth: int = 0) -> bool:
    """Whether it can be written as Python and comes out as it was."""
    if depth > 50:
        return False
    if isinstance(document, dict):
        return all(_stays(each, depth + 1) for each in document.values())
    if isinstance(document, list):
        return all(_stays(each, depth + 1) for each in document)
    if isinstance(document, int):
        return abs(document) < 1 << 200
    return not isinstance(document, float) or document - document == 0
