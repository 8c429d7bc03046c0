"""Recordings as browsers export them."""

import json
from typing import Any


def entry(
    method: str,
    url: str,
    answer: Any = None,
    *,
    at: float = 0,
    took: float = 0.1,
    body: Any = None,
    headers: dict[str, str] | None = None,
    status: int = 200,
    **more: Any,
) -> dict[str, Any]:
    """A request, `at` seconds after the beginning; `body` as JSON unless it is text."""
    request: dict[str, Any] = {
        "method": method,
        "url": url,
        "headers": [{"name": name, "value": value} for name, value in (headers or {}).items()],
    }
    if body is not None:
        kind = "application/x-www-form-urlencoded" if isinstance(body, str) else "application/json"
        request["postData"] = {"mimeType": kind, "text": body if isinstance(body, str) else json.dumps(body)}
    content = {"mimeType": "application/json", "text": json.dumps(answer)}
    if isinstance(answer, str):
        content = {"mimeType": "text/html", "text": answer}
    minutes, seconds = divmod(at, 60)
    return {
        "startedDateTime": f"2026-11-27T10:{int(minutes):02}:{seconds:06.3f}Z",
        "time": took * 1_000,
        "request": request,
        "response": {"status": status, "headers": more.pop("answer_headers", []), "content": content},
        **more,
    }


def recording(*entries: dict[str, Any]) -> str:
    """A file of them."""
    return json.dumps({"log": {"version": "1.2", "entries": entries}})
