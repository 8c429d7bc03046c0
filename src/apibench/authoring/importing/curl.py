"""Commands of curl: each becomes a request, `sleep` a pause."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote

from apibench.authoring.importing.addresses import credentials, encoded, split_address
from apibench.authoring.importing.authorization import basic
from apibench.authoring.importing.bodies import set_body
from apibench.authoring.importing.curl_flags import LONG, QUIET_SWITCHES, QUIET_VALUES, TOLD, Flag, flags
from apibench.authoring.importing.hosts import Hosts
from apibench.authoring.importing.journey import Journey, Pause, Request
from apibench.authoring.importing.python_text import quoted
from apibench.authoring.importing.shell_words import CLOSE, OPEN, ShellCommand, shell_commands
from apibench.authoring.importing.source import one_source, read_text
from apibench.authoring.importing.values import Joined, Known, Listing, Mapping, Secret, Value, environment, joined
from apibench.authoring.multipart import multipart_body
from apibench.model.errors import SourceUnreadable, UnitInvalid, UsageError
from apibench.model.redaction import is_secret_name
from apibench.model.units import parse_duration

_VARIABLE = re.compile(f"{OPEN}([^{CLOSE}]*){CLOSE}")
_FORM = "application/x-www-form-urlencoded"


@dataclass(slots=True)
class _Asked:
    """What the flags of a command have said."""

    jars: set[str]
    """Files that this command or one before has its cookies written into: virtual users keep them by themselves."""
    urls: list[str] = field(default_factory=list)
    method: str = ""
    headers: list[tuple[str, Value]] = field(default_factory=list)
    data: list[tuple[str, str]] = field(default_factory=list)
    """Kind of flag, and its value."""
    form: list[str] = field(default_factory=list)
    query: list[str] = field(default_factory=list)
    as_query: bool = False
    head: bool = False


def is_command(source: str) -> bool:
    """Whether a word of the command line is a command itself, rather than a file of them."""
    return re.match(r"\s*(\$ )?curl\s", source) is not None


def journey(source: str, second: str | None, name: str) -> Journey:
    """
    The commands of a file, or one given itself.

    Raises SourceUnreadable, or UsageError for a second source.
    """
    one_source("curl", second)
    given = is_command(source)
    if given:
        return read_curl(source, "a command line", "journey")
    return read_curl(read_text(source), source, name)


def read_curl(text: str, source: str, name: str) -> Journey:
    """
    The commands in a text.

    Raises SourceUnreadable where there is no command of curl.
    """
    journey = Journey("curl", source)
    hosts, jars = Hosts(journey, name), set[str]()
    for command in shell_commands(text):
        place = f"line {command.line}"
        program = command.words[0].rpartition("/")[2]
        for trouble in command.troubles:
            journey.leave(place, trouble)
        if program == "curl":
            _curl(command, place, journey, hosts, jars)
        elif program == "sleep" and len(command.words) == 2 and hosts.last is not None:
            _sleep(command.words[1], place, journey, hosts)
        elif not command.piped:
            journey.leave(place, f"the command {quoted(program[:40])} is none of curl")
    if not journey.scenarios:
        raise SourceUnreadable(f"{source} has no command of curl with a URL", "Give a file of them, or 'curl URL'.")
    return journey


def _sleep(length: str, place: str, journey: Journey, hosts: Hosts) -> None:
    try:
        length_ns = parse_duration(length if length[-1:].isalpha() else f"{length}s")
    except UnitInvalid:
        journey.leave(place, "a pause of no known length was left out")
        return
    if hosts.last is not None:
        hosts.last.steps.append(Pause(length_ns, length_ns))


def _curl(command: ShellCommand, place: str, journey: Journey, hosts: Hosts, jars: set[str]) -> None:
    asked = _Asked(jars)
    for flag in flags(command.words[1:]):
        if LONG.get(flag.written) == "next":
            _send(asked, place, journey, hosts)
            asked = _Asked(jars)
        else:
            _take(asked, flag, place, journey)
    _send(asked, place, journey, hosts)


def _take(asked: _Asked, flag: Flag, place: str, journey: Journey) -> None:  # noqa: C901, PLR0912 - a flag a case
    value = flag.value
    match LONG.get(flag.written, flag.written):
        case "-" | "url":
            asked.urls.append(value)
        case "request":
            asked.method = value
        case "header":
            _header(asked, value, place, journey)
        case "data" | "data-raw" | "data-binary" | "data-urlencode" | "json" as kind:
            asked.data.append((kind, value))
        case "form" | "form-string" as kind:
            if kind == "form" and re.match(r"[^=]*=[@<]", value):
                journey.leave(place, "a field of its form is a file, and was left out")
            else:
                asked.form.append(value)
        case "user":
            asked.headers.append(("Authorization", _authorization(value)))
        case "bearer":
            asked.headers.append(("Authorization", _header_value("Authorization", f"Bearer {value}")))
        case "cookie":
            if "=" in value or OPEN in value:
                asked.headers.append(("Cookie", _header_value("Cookie", value)))
            elif value not in asked.jars:
                journey.leave(place, "cookies of a file were left out")
        case "cookie-jar":
            asked.jars.add(value)
        case "agent":
            asked.headers.append(("User-Agent", _late(value)))
        case "referer":
            asked.headers.append(("Referer", _late(value.removesuffix(";auto"))))
        case "get":
            asked.as_query = True
        case "head":
            asked.head = True
        case "url-query":
            asked.query.append(value)
        case other:
            _others(other, place, journey)


def _others(flag: str, place: str, journey: Journey) -> None:
    if flag in TOLD:
        if TOLD[flag]:
            journey.leave(place, f"{flag}: {TOLD[flag]}")
    elif flag not in QUIET_SWITCHES and flag not in QUIET_VALUES:
        journey.leave(place, f"the flag {quoted(flag[:40])} was left out")


def _header(asked: _Asked, text: str, place: str, journey: Journey) -> None:
    name, colon, value = text.partition(":")
    if text.startswith("@"):
        journey.leave(place, "headers of a file were left out")
    elif colon and value.strip():
        asked.headers.append((name.strip(), _header_value(name.strip(), value.strip())))
    elif text.endswith(";"):
        asked.headers.append((text.removesuffix(";").strip(), Known("")))
    elif not colon:
        journey.leave(place, f"the header {quoted(name[:40])} has no colon")


def _send(asked: _Asked, place: str, journey: Journey, hosts: Hosts) -> None:
    if not asked.urls:
        journey.leave(place, "a command without a URL was left out")
    for url in asked.urls:
        plain = _VARIABLE.sub("", url)
        split = split_address(url.replace(OPEN, "").replace(CLOSE, "") if plain != url else url)
        if url.startswith(OPEN) or split is None or _VARIABLE.search(url.partition("://")[2].partition("/")[0]):
            journey.leave(place, "a request was left out: its address has no host that is known")
            continue
        origin, path = split
        request = Request("GET", _late(_path_of(url)) if plain != url else Known(path), place)
        request.headers = list(asked.headers)
        user = credentials(url)
        if user is not None and not any(name.lower() == "authorization" for name, _ in asked.headers):
            request.headers.append(("Authorization", Known(basic(*user))))
        _body(request, asked, journey)
        request.method = asked.method or ("HEAD" if asked.head else "POST" if _has_body(request) else "GET")
        hosts.add(origin, request)


def _path_of(url: str) -> str:
    rest = url.partition("://")[2] or url
    slash = re.search(r"[/?]", rest)
    path = (rest[slash.start() :] if slash else "/").partition("#")[0]
    return path if path.startswith("/") else f"/{path}"


def _late(text: str) -> Value:
    """A text in which the shell would have filled in variables."""
    parts: list[str | Value] = []
    at = 0
    for variable in _VARIABLE.finditer(text):
        parts += [text[at : variable.start()], environment(f"VARIABLE_{variable[1].upper()}")]
        at = variable.end()
    return joined(*parts, text[at:])


def _header_value(name: str, text: str) -> Value:
    if is_secret_name(name) and (variable := _VARIABLE.search(text)):
        # A secret that is named already: it keeps its name, and goes on the way of secrets.
        rest = _VARIABLE.sub("", text[variable.end() :])
        return joined(text[: variable.start()], Secret(variable[1].upper()[:50]), rest)
    return _late(text)


def _authorization(credentials_given: str) -> Value:
    user, _, password = credentials_given.partition(":")
    variable = _VARIABLE.fullmatch(password)
    if variable is not None and OPEN not in user:
        return joined("Basic ", Secret(variable[1].upper()[:50], f"basic:{user}"))
    if OPEN in credentials_given:
        return joined("Basic ", Secret("CREDENTIALS", "base64"))
    return Known(basic(user, password))


def _has_body(request: Request) -> bool:
    return request.json is not None or request.data is not None


def _body(request: Request, asked: _Asked, journey: Journey) -> None:
    if asked.as_query:
        _query(request, asked, journey)
        return
    for pair in asked.query:
        _add_to_path(request, [_encoded_pair(pair)])
    if asked.form:
        try:
            form = multipart_body(asked.form, _no_file)
        except UsageError as error:
            journey.leave(request.place, f"its form was left out: {error.message}")
            return
        request.headers = [each for each in request.headers if each[0].lower() != "content-type"]
        request.headers.append(("Content-Type", Known(form.content_type)))
        request.data = _filled(Known(form.content.decode()))
    elif asked.data:
        kinds = {kind for kind, _ in asked.data}
        text = ("" if kinds == {"json"} else "&").join(_pieces(request, asked, journey))
        if kinds == {"json"}:
            if not any(name.lower() == "accept" for name, _ in request.headers):
                request.headers.append(("Accept", Known("application/json")))
            set_body(request, text, kind="application/json")
        else:
            set_body(request, text, kind=_FORM)
        request.json, request.data = (None if each is None else _filled(each) for each in (request.json, request.data))


def _pieces(request: Request, asked: _Asked, journey: Journey) -> Iterator[str]:
    for kind, value in asked.data:
        if kind != "data-raw" and value.startswith("@"):
            journey.leave(request.place, "data of a file were left out: write them into the scenario")
        elif kind == "data-urlencode":
            yield _encoded_pair(value)
        else:
            yield value


def _query(request: Request, asked: _Asked, journey: Journey) -> None:
    pairs = [value.partition("=") for kind, value in asked.data if kind == "data-urlencode" and "=" in value]
    names = {name for name, _, _ in pairs}
    if len(pairs) == len(asked.data) == len(names) and "" not in names and not asked.query:
        request.query = [(name, _late(value)) for name, _, value in pairs]
    else:
        _add_to_path(request, [*map(_encoded_pair, asked.query), *_pieces(request, asked, journey)])


def _add_to_path(request: Request, pieces: list[str]) -> None:
    path = request.path
    for piece in pieces:
        sign = "&" if "?" in _known_text(path) else "?"
        path = joined(path, sign, _late(encoded(piece) if OPEN not in piece else piece))
    request.path = path


def _known_text(path: Value) -> str:
    parts = path.parts if isinstance(path, Joined) else (path,)
    return "".join(each if isinstance(each, str) else "" for each in parts) or str(getattr(path, "value", ""))


def _filled(value: Value) -> Value:
    """A body in which variables of the shell stand."""
    match value:
        case Known(str() as text):
            return _late(text)
        case Mapping(pairs):
            return Mapping(tuple((_VARIABLE.sub(r"\1", key), _filled(each)) for key, each in pairs))
        case Listing(items):
            return Listing(tuple(_filled(each) for each in items))
        case _:
            return value


def _encoded_pair(text: str) -> str:
    name, equals, value = text.partition("=")
    if not equals:
        return quote(text, safe="")
    return f"{name}{'=' if name else ''}{quote(value, safe=f'{OPEN}{CLOSE}')}"


def _no_file(_: object) -> bytes:
    message = "a field is a file"
    raise UsageError(message, "Leave it out.")
