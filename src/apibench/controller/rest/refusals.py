"""Everything that goes wrong, in one shape: `{"error": {"code", "message", "hint", "faults"}}`."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from apibench.model import errors
from apibench.model.fault import Fault
from apibench.model.plain_detail import without_tokens
from apibench.model.redaction import redacted_text
from apibench.model.validation import fault_of

RETRY_AFTER_S = 2
_SEE_SCHEMA = "See /v1/openapi.json."


class FaultDocument(BaseModel):
    """One thing that is wrong with a request."""

    place: str
    message: str
    remedy: str


class ErrorBody(BaseModel):
    """What went wrong, and what to do about it."""

    code: str
    """Stable; the texts may be reworded."""
    message: str
    hint: str
    faults: list[FaultDocument]


class ErrorDocument(BaseModel):
    """The body of every answer from 400 on."""

    error: ErrorBody


class RequestRefused(Exception):
    """A request that can't be carried out, with the status that says so."""

    def __init__(self, status: int, code: str, message: str, hint: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.faults = tuple(faults)


def unprocessable(faults: Sequence[Fault]) -> RequestRefused:
    """The refusal of a request that was understood, with all that is wrong with it."""
    count = len(faults)
    message = f"the request has {count} fault{'s' if count != 1 else ''}"
    return RequestRefused(422, "request.invalid", message, "Mend them all and try again.", faults)


def error_response(refused: RequestRefused, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An answer in the one shape. No text of it holds a secret that we know by its name or form."""
    body = {
        "code": refused.code,
        "message": _shown(refused.message),
        "hint": _shown(refused.hint),
        "faults": [
            {"place": fault.place, "message": _shown(fault.message), "remedy": _shown(fault.remedy)}
            for fault in refused.faults
        ],
    }
    return JSONResponse({"error": body}, refused.status, headers)


def add_handlers(app: FastAPI) -> None:
    """Have every error become an answer in the one shape."""
    app.add_exception_handler(RequestRefused, _on_refused)
    app.add_exception_handler(errors.ApibenchError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_parameters)
    app.add_exception_handler(HTTPException, _on_http)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the published document says of errors: those that any resource may answer, and these."""
    return {status: {"model": ErrorDocument, "description": _MEANINGS[status]} for status in (*_ALWAYS, *statuses)}


def of_error(error: errors.ApibenchError) -> tuple[int, dict[str, str]]:
    """The status that an error deserves, and its headers."""
    for kinds, status, headers in _STATUSES:
        if isinstance(error, kinds):
            return status, headers
    return 500, {}


_ALWAYS = (401, 403, 422, 503)
_MEANINGS = {
    400: "The body can't be read",
    401: "No token, or not a good one",
    403: "The token's role may not do that",
    404: "There is none of that id",
    409: "It is not in a state for that, or something else is in the way",
    413: "The body is too large",
    415: "The body is not JSON",
    422: "Understood, and refused with all its faults",
    503: "This controller does not lead, or a service that it needs does not answer",
}
_WITH_FAULTS = (errors.PlanInvalid, errors.WordsInvalid, errors.BeyondQuota, errors.TargetUnproven)
_RETRY = {"Retry-After": str(RETRY_AFTER_S)}
_STATUSES: tuple[tuple[tuple[type[errors.ApibenchError], ...], int, dict[str, str]], ...] = (
    ((errors.TokenRefused,), 401, {"WWW-Authenticate": "Bearer"}),
    ((errors.NotAllowed,), 403, {}),
    ((errors.NotFound,), 404, {}),
    ((errors.PlanUnreadable,), 400, {}),
    (_WITH_FAULTS, 422, {}),
    ((errors.StaleTerm,), 503, _RETRY),  # before its base: somebody else leads
    ((errors.Conflict,), 409, {}),
    ((errors.StoreFailed, errors.LinkLost), 503, _RETRY),
    ((errors.UsageError, errors.ChangeRefused, errors.Refused), 409, {}),
)


async def _on_refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestRefused)  # noqa: S101 - registered for it alone
    return error_response(error, _RETRY if error.status == 503 else None)


async def _on_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, errors.ApibenchError)  # noqa: S101
    status, headers = of_error(error)
    faults = error.faults if isinstance(error, _WITH_FAULTS) else ()
    return error_response(RequestRefused(status, error.code, error.message, error.hint, faults), headers)


async def _on_parameters(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return error_response(unprocessable([_parameter_fault(details) for details in error.errors()]))


async def _on_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    refused = RequestRefused(error.status_code, "http", str(error.detail), _SEE_SCHEMA)
    if error.status_code == 404:
        refused = RequestRefused(404, "not_found", "there is no such resource", _SEE_SCHEMA)
    elif error.status_code == 405:
        refused = RequestRefused(405, "method", f"{request.method} is not for this resource", _SEE_SCHEMA)
        return error_response(refused, {"Allow": ", ".join(_methods(request))})
    return error_response(refused, error.headers)


def _methods(request: Request) -> list[str]:
    """All that the path takes: the framework tells only those of the first route that has it."""
    paths = request.app.openapi()["paths"]
    own = request.url.path.split("/")
    same = [each for path, each in paths.items() if _is_of(own, path.split("/"))]
    return sorted({method.upper() for each in same for method in each})


def _is_of(own: Sequence[str], pattern: Sequence[str]) -> bool:
    if len(own) != len(pattern):
        return False
    return all(there.startswith("{") or here == there for here, there in zip(own, pattern, strict=True))


def _parameter_fault(details: Any) -> Fault:
    where, *rest = details["loc"]
    path = tuple(rest)
    found = fault_of(details, path, None)
    message, remedy = found.message, found.remedy
    if details["type"] == "extra_forbidden":
        message, remedy = "is no parameter here", "Leave it out, or look for it in /v1/openapi.json."
    elif details["type"] == "string_pattern_mismatch":
        message, remedy = "has characters or a length that it can't have", _SEE_SCHEMA
    elif "apibench plan" in remedy:
        remedy = _SEE_SCHEMA
    place = ".".join(str(word) for word in (where, *path))
    return Fault(found.code, place, message, remedy, path=(str(where), *path))


def _shown(text: str) -> str:
    return without_tokens(redacted_text(text))
