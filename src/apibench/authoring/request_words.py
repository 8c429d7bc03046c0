"""
What is sent, and how, in the words of a command line, and how each word is read into what a plan's document says.

The words are as people write them. One that can't be read is put down as a fault, and the others are read all the same.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from apibench.authoring.multipart import multipart_body
from apibench.authoring.reading import Reading
from apibench.model.errors import UsageError
from apibench.model.fault import Place
from apibench.model.secret import OPENING, is_secret, secrets_named, written_as

MAX_TARGETS = 1_000
MAX_BODY_FILE = 8 * 1024 * 1024


Line = tuple[int, str, str]
"""Number (from 1), method and URL of a line of a targets file."""


@dataclass(frozen=True, slots=True)
class RequestWords:
    """What is sent, and how."""

    url: str = ""
    method: str | None = None
    """Unless told, POST with a body and GET without."""
    headers: tuple[str, ...] = ()
    """`Name: value` each."""
    data: str | None = None
    """The body, or `@FILE`."""
    json_body: str | None = None
    """The same, and its Content-Type."""
    form: tuple[str, ...] = ()
    """`NAME=VALUE`, `NAME=@FILE` or `NAME=<FILE` each: a multipart body."""
    user: str | None = None
    """`USER:PASSWORD` for basic authorization."""
    targets: Path | None = None
    """A file of `METHOD URL` lines, asked in turn. Lines may leave out the host if `url` names it."""
    timeout: str | None = None
    connect_timeout: str | None = None
    http: str = "auto"
    insecure: bool = False
    ca_file: Path | None = None
    redirects: int = 0
    keepalive: bool = True
    ipv4: bool = False
    ipv6: bool = False
    resolve: tuple[str, ...] = ()
    """`HOST:PORT:ADDRESS` each."""
    connect_to: tuple[str, ...] = ()
    """`HOST:PORT:HOST2:PORT2` each; an empty HOST or PORT is any."""
    unix_socket: Path | None = None


@dataclass(frozen=True, slots=True)
class Body:
    """A body as the plan holds it, and the type that goes with it unless a header says another."""

    document: dict[str, str]
    content_type: str | None = None


def read_body(words: RequestWords, reading: Reading) -> Body | None:
    """The body that was asked for, if any."""
    given = [word for word in ("data", "json_body", "form") if getattr(words, word) not in (None, ())]
    if len(given) > 1:
        reading.refuse((given[1],), "there is a body already", "Give one body: as data, as JSON or as a form.")
    if words.form:
        form = reading.attempt(lambda _: multipart_body(words.form, _read_file), "", ("form",), None)
        return None if form is None else Body(_held(form.content, ("form",), reading), form.content_type)
    if words.json_body is not None:
        content = reading.attempt(_json_content, words.json_body, ("json_body",), b"")
        return Body(_held(content, ("json_body",), reading), "application/json")
    if words.data is not None:
        return Body(_held(reading.attempt(_content, words.data, ("data",), b""), ("data",), reading))
    return None


def read_headers(words: RequestWords, body: Body | None, reading: Reading) -> list[list[str]]:
    """The headers that were asked for, and those that other words stand for. Of a faulty one nothing is kept."""
    pairs = []
    for at, text in enumerate(words.headers):
        pair = reading.attempt(lambda text: list(read_pair(text, ":", "Name: value")), text, ("headers", at), None)
        pairs.append(pair or [f"X-Fault-{at}", ""])
    names = {name.lower() for name, _ in pairs}
    if body is not None and body.content_type is not None and "content-type" not in names:
        pairs.append(["Content-Type", body.content_type])
    if words.user is not None:
        pairs.append(["Authorization", "Basic " + reading.attempt(_credentials, words.user, ("user",), "")])
    return pairs


def read_targets(path: Path) -> tuple[Line, ...]:
    """What each line says. Raises UsageError with the numbers of all that say nothing."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} can't be read: {_why(error)}", "Check name and rights.") from error
    targets, bad = [], []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) == 2:
            targets.append((number, words[0], words[1]))
        else:
            bad.append(number)
    if bad:
        told = ", ".join(str(number) for number in bad[:10]) + (", …" if len(bad) > 10 else "")
        raise UsageError(
            f"{path}: no METHOD URL in line {told}", "Write lines like GET http://host/path, or GET /path."
        )
    if not targets or len(targets) > MAX_TARGETS:
        raise UsageError(f"{path} holds {len(targets)} targets", f"Give 1 to {MAX_TARGETS:,}, one a line.")
    return tuple(targets)


def read_resolve(words: RequestWords, reading: Reading) -> dict[str, Any]:
    """How host names become addresses."""
    if words.ipv4 and words.ipv6:
        reading.refuse(("ipv6",), "both families at once are the default", "Leave -4 and -6 out.")
    return {
        "family": "4" if words.ipv4 else "6" if words.ipv6 else "any",
        "addresses": _each(_resolved, "resolve", words.resolve, reading),
        "connect_to": _each(_connect_to, "connect_to", words.connect_to, reading),
        "unix_socket": None if words.unix_socket is None else str(words.unix_socket),
    }


def read_pair(text: str, separator: str, form: str) -> tuple[str, str]:
    """Both sides of the first separator, without the spaces around them."""
    name, found, value = text.partition(separator)
    if not found or not name.strip():
        raise UsageError(f"'{text}' is no '{form}'", f"Write it like '{form}'.")
    return name.strip(), value.strip()


def _each(parse: Any, word: str, texts: Sequence[str], reading: Reading) -> list[dict[str, Any]]:
    read = (reading.attempt(parse, text, (word, at), None) for at, text in enumerate(texts))
    return [value for value in read if value is not None]


def _resolved(text: str) -> dict[str, Any]:
    host, port, address = _fields(text, 3, "HOST:PORT:ADDRESS")
    return {"host": host, "port": _port(port), "address": address.strip("[]")}


def _connect_to(text: str) -> dict[str, Any]:
    host, port, to_host, to_port = _fields(text, 4, "HOST:PORT:HOST2:PORT2")
    return {
        "host": host or None,
        "port": _port(port) if port else None,
        "to_host": to_host.strip("[]"),
        "to_port": _port(to_port),
    }


def _fields(text: str, count: int, form: str) -> list[str]:
    """Split at colons, but not within the brackets of an IPv6 address."""
    fields, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == ":" and depth == 0 and len(fields) < count:
            fields.append("")
        else:
            fields[-1] += character
    if len(fields) != count:
        raise UsageError(f"'{text}' is no {form}", f"Write {form}.")
    return fields


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"'{text}' is no port", "Use 1 to 65535.")
    return int(text)


def _credentials(text: str) -> str:
    """What stands behind `Basic`; a secret in it stays a reference, which says how it is to be written."""
    user, colon, password = text.partition(":")
    if is_secret(text):
        return written_as(text, "base64")
    if is_secret(password):
        return written_as(password, f"basic:{user}")
    if secrets_named(text):
        raise UsageError("a secret is only a part of it", "Write USER:${secret:NAME}, or ${secret:NAME} for both.")
    if not colon:
        raise UsageError("there is no colon in it", "Write USER:PASSWORD.")
    return base64.b64encode(text.encode()).decode()


def _held(content: bytes, word: Place, reading: Reading) -> dict[str, str]:
    """As base64, byte for byte; as text where secrets are named in it, to be found there."""
    if OPENING.encode() not in content:
        return {"base64": base64.b64encode(content).decode()}
    try:
        text = content.decode()
    except UnicodeDecodeError:
        reading.refuse(word, "it names secrets, and is no text", "Write it in UTF-8, or send it without them.")
        return {"text": ""}
    return {"text": written_as(text, "json") if word == ("json_body",) else text}


def _content(text: str) -> bytes:
    return _read_file(Path(text[1:])) if text.startswith("@") else text.encode()


def _json_content(text: str) -> bytes:
    content = _content(text)
    try:
        json.loads(content, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        # What is meant to be refused by a target is sent on purpose, not by a slip of the pen.
        remedy = "Mend it, or send it as it is: --data, with -H 'Content-Type: application/json'."
        raise UsageError(f"that is no JSON: {error}", remedy) from error
    return content


def _no_constant(word: str) -> NoReturn:
    message = f"{word} is no number"
    raise ValueError(message)


def _read_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BODY_FILE + 1)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {_why(error)}", "Check name and rights.") from error
    if len(content) > MAX_BODY_FILE:
        raise UsageError(f"{path} is larger than {MAX_BODY_FILE // 1024 // 1024} MiB", "Send a smaller body.")
    return content


def _why(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else "it is not UTF-8"
