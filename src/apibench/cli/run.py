"""`apibench run`: load-test a URL or a plan."""

import base64
import os
import secrets
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from apibench.assembly.run_request import OutputKind, OutputTarget, Progress, RunRequest, Summary
from apibench.model.errors import NotBuilt, UsageError
from apibench.model.plan import Plan
from apibench.model.suggestion import did_you_mean
from apibench.model.units import parse_duration
from apibench.scenario.plan_file import parse_plan_document, read_plan
from apibench.scenario.url_plan import LoadWords, RequestWords, url_document

OUTPUTS: tuple[OutputKind, ...] = ("json", "ndjson", "csv", "hgrm", "junit")
LATER_OUTPUTS = ("html", "github", "hlog")
PLAN_SUFFIXES = (".json", ".yaml", ".yml", ".toml")
MAX_TARGETS = 1_000
MAX_BODY_FILE = 8 * 1024 * 1024

_load = Group("Load", sort_key=1)
_request = Group("Request", sort_key=2)
_connection = Group("Connection", sort_key=3)
_goals = Group("Pass or fail", sort_key=4)
_output = Group("Output", sort_key=5)
_advanced = Group("Advanced", sort_key=6)


def run(  # noqa: PLR0913 - the flags of a command line are its parameters
    target: str,
    /,
    *,
    connections: Annotated[int | None, Parameter(alias="-c", group=_load)] = None,
    vus: Annotated[int | None, Parameter(name=["--vus", "-u", "--users"], group=_load)] = None,
    iterations: Annotated[str | None, Parameter(alias="-n", group=_load)] = None,
    duration: Annotated[str | None, Parameter(name=["--duration", "-d", "-z"], group=_load)] = None,
    rate: Annotated[str | None, Parameter(name=["--rate", "-r", "-R", "--rps", "--qps"], group=_load)] = None,
    stage: Annotated[tuple[str, ...], Parameter(group=_load, negative="", show_default=False)] = (),
    arrivals: Annotated[Literal["constant", "poisson"] | None, Parameter(group=_load)] = None,
    when_busy: Annotated[Literal["queue", "grow", "drop"] | None, Parameter(group=_load)] = None,
    max_connections: Annotated[int | None, Parameter(group=_load)] = None,
    warmup: Annotated[str | None, Parameter(group=_load)] = None,
    drain: Annotated[str | None, Parameter(group=_load)] = None,
    method: Annotated[str | None, Parameter(name=["--method", "-X", "-m"], group=_request)] = None,
    header: Annotated[tuple[str, ...], Parameter(alias="-H", group=_request, negative="", show_default=False)] = (),
    data: Annotated[str | None, Parameter(name=["--data", "--body", "-b"], group=_request)] = None,
    json_body: Annotated[str | None, Parameter(group=_request)] = None,
    user: Annotated[str | None, Parameter(alias="-a", group=_request)] = None,
    targets: Annotated[Path | None, Parameter(group=_request)] = None,
    location: Annotated[int, Parameter(alias="-L", group=_request, show_default=False)] = 0,
    timeout: Annotated[str | None, Parameter(group=_connection)] = None,
    connect_timeout: Annotated[str | None, Parameter(group=_connection)] = None,
    http: Annotated[Literal["1.1", "2", "3", "auto"], Parameter(group=_connection)] = "auto",
    insecure: Annotated[bool, Parameter(alias="-k", group=_connection, negative="", show_default=False)] = False,
    cacert: Annotated[Path | None, Parameter(group=_connection)] = None,
    resolve: Annotated[tuple[str, ...], Parameter(group=_connection, negative="", show_default=False)] = (),
    connect_to: Annotated[tuple[str, ...], Parameter(group=_connection, negative="", show_default=False)] = (),
    unix_socket: Annotated[Path | None, Parameter(group=_connection)] = None,
    ipv4: Annotated[bool, Parameter(alias="-4", group=_connection, negative="", show_default=False)] = False,
    ipv6: Annotated[bool, Parameter(alias="-6", group=_connection, negative="", show_default=False)] = False,
    keepalive: Annotated[bool, Parameter(group=_connection)] = True,
    wait_for_target: Annotated[str | None, Parameter(group=_connection)] = None,
    preflight: Annotated[bool, Parameter(group=_connection)] = True,
    threshold: Annotated[
        tuple[str, ...], Parameter(name=["--threshold", "--slo"], group=_goals, negative="", show_default=False)
    ] = (),
    output: Annotated[tuple[str, ...], Parameter(alias="-o", group=_output, negative="", show_default=False)] = (),
    summary: Annotated[Summary, Parameter(group=_output)] = "compact",
    progress: Annotated[Progress, Parameter(group=_output)] = "auto",
    store: Annotated[bool, Parameter(group=_output)] = True,
    name: Annotated[str | None, Parameter(group=_output)] = None,
    tag: Annotated[tuple[str, ...], Parameter(group=_output, negative="", show_default=False)] = (),
    threads: Annotated[int | None, Parameter(group=_advanced)] = None,
    spin: Annotated[Literal["auto", "on", "off"], Parameter(group=_advanced)] = "auto",
    seed: Annotated[int | None, Parameter(group=_advanced)] = None,
    dry_run: Annotated[bool, Parameter(group=_advanced, negative="", show_default=False)] = False,
) -> int:
    """
    Load-test a URL or a plan.

    Closed model, 50 connections, 10 s, unless told otherwise. With a rate it is an open model: requests fall due
    whether or not the target keeps up, and response time counts from when they were due.

    Parameters
    ----------
    target
        http://… or https://…, or a plan: FILE.json, FILE.yaml, FILE.toml.
    connections
        So many VUs of one connection each; with --rate the most there may be. [50]
    vus
        So many VUs; with -c they share that many connections.
    iterations
        Stop after so many: 10k, 1m. With -d whichever comes first.
    duration
        30s, 5m, 1h30m. [10s]
    rate
        Open model: 500/s, 5k/s, 30/m, in all.
    stage
        Move there: 30s:1000/s or 30s:@200 VUs. Repeatable.
    arrivals
        Even distances, or as independent users come. [constant]
    when_busy
        What a due request does when every connection is busy. [grow; with -c queue]
    max_connections
        How far grow may grow. [10000]
    warmup
        Time before the measurement, counted apart.
    drain
        How long after the end responses are waited for. [10s]
    method
        GET, POST, … [GET, with a body POST]
    header
        'Name: value'. Repeatable.
    data
        Body: text, or @FILE.
    json_body
        Body: JSON text, or @FILE; sets Content-Type.
    user
        USER:PASSWORD, sent as basic authorization.
    targets
        File of lines 'METHOD URL', asked in turn.
    location
        Follow redirects within the same origin, up to so many. [none; -L alone is 10]
    timeout
        From the first byte sent to the last received. [10s]
    connect_timeout
        Until a connection can be used. [5s]
    http
        1.1; others are not built yet.
    insecure
        Do not check certificates.
    cacert
        Trust the certificates of this PEM file instead of the system's.
    resolve
        HOST:PORT:ADDRESS instead of a look-up. Repeatable.
    connect_to
        HOST:PORT:HOST2:PORT2, go there instead. Repeatable.
    unix_socket
        Connect to this socket.
    ipv4
        IPv4 addresses only.
    ipv6
        IPv6 addresses only.
    keepalive
        Use connections again.
    wait_for_target
        Try for so long to reach the target before the run.
    preflight
        Connect once before the run; sends no request.
    threshold
        'p99 < 200ms', 'errors < 1% for 10s abort', … Repeatable.
    output
        KIND=FILE: json, ndjson, csv, hgrm, junit; '-' is standard output. Repeatable.
    summary
        The last screen.
    progress
        What is shown while it runs, on standard error.
    store
        Keep the run in the history.
    name
        What the run is called.
    tag
        KEY=VALUE, kept with the result. Repeatable.
    threads
        Threads that make load. [by processors and quota]
    spin
        Look instead of sleep just before a request is due.
    seed
        The same seed gives the same requests. [random]
    dry_run
        Print the plan; send nothing.
    """
    if http in ("2", "3"):
        raise NotBuilt(f"HTTP/{http} is not built yet", "Leave --http out: HTTP/1.1 is spoken.")
    load = LoadWords(
        connections=connections,
        vus=vus,
        iterations=iterations,
        duration=duration,
        rate=rate,
        stages=stage,
        arrivals=arrivals,
        when_busy=when_busy,
        max_connections=max_connections,
        warmup=warmup,
        drain=drain,
        seed=secrets.randbelow(2**32) if seed is None else seed,
        name=name,
        thresholds=threshold,
    )
    if target.endswith(".py") or ".py:" in target:
        raise NotBuilt("Python scenarios are not built yet", "Use a URL, or a plan in JSON, YAML or TOML.")
    if target.endswith(PLAN_SUFFIXES) and "://" not in target:
        plan = _plan_file(Path(target), load)
    else:
        body = _body(json_body if json_body is not None else data)
        request = RequestWords(
            url=target,
            method=method,
            headers=tuple(_headers(header, user, json_body=json_body is not None)),
            body_base64=body,
            timeout=timeout,
            connect_timeout=connect_timeout,
            insecure=insecure,
            ca_file=None if cacert is None else str(cacert),
            redirects=location,
            keepalive=keepalive,
            family="4" if ipv4 else "6" if ipv6 else "any",
            resolve=tuple(_resolve(text) for text in resolve),
            connect_to=tuple(_connect_to(text) for text in connect_to),
            unix_socket=None if unix_socket is None else str(unix_socket),
            targets=() if targets is None else _targets(targets),
        )
        plan = parse_plan_document(url_document(request, load))
    if dry_run:
        return _print_plan(plan)
    request_to_run = RunRequest(
        plan=plan,
        threads=threads,
        spin=spin,
        outputs=tuple(_output_target(text) for text in output),
        summary=summary,
        progress=progress,
        store=store,
        preflight=preflight,
        wait_for_target_ns=0 if wait_for_target is None else parse_duration(wait_for_target),
        tags=dict(_pair(text, "=", "--tag", "KEY=VALUE") for text in tag),
    )
    from apibench.assembly.local import run as run_locally  # noqa: PLC0415 - only now is it certain that it runs

    return run_locally(request_to_run)


def _plan_file(path: Path, load: LoadWords) -> Plan:
    given = [
        f"--{name.replace('_', '-')}"
        for name in ("connections", "vus", "iterations", "duration", "rate", "arrivals", "when_busy", "max_connections")
        if getattr(load, name) is not None
    ]
    if given or load.stages:
        raise UsageError(f"{', '.join(given) or '--stage'} cannot change a plan's load", "Change it in the plan.")
    plan = read_plan(path)
    if not load.thresholds:
        return plan
    return parse_plan_document({**plan.document(), "thresholds": [*plan.thresholds, *load.thresholds]})


def _print_plan(plan: Plan) -> int:
    import json  # noqa: PLC0415 - only a dry run needs it
    import sys  # noqa: PLC0415

    sys.stdout.write(json.dumps(plan.redacted(), indent=2, ensure_ascii=False) + "\n")
    return 0


def _headers(headers: tuple[str, ...], user: str | None, *, json_body: bool) -> list[tuple[str, str]]:
    pairs = [_pair(text, ":", "--header", "'Name: value'") for text in headers]
    names = {name.lower() for name, _ in pairs}
    if json_body and "content-type" not in names:
        pairs.append(("Content-Type", "application/json"))
    if user is not None:
        if ":" not in user:
            raise UsageError(f"'{user}' is no USER:PASSWORD", "Put a colon between them.")
        pairs.append(("Authorization", "Basic " + base64.b64encode(user.encode()).decode()))
    return pairs


def _body(text: str | None) -> str | None:
    """The body in base64: the plan then holds files as they are."""
    if text is None:
        return None
    if not text.startswith("@"):
        return base64.b64encode(text.encode()).decode()
    path = Path(text[1:])
    try:
        if path.stat().st_size > MAX_BODY_FILE:
            raise UsageError(f"{path} is larger than {MAX_BODY_FILE // 1024 // 1024} MiB", "Send a smaller body.")
        return base64.b64encode(path.read_bytes()).decode()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "Check the path behind the @.") from error


def _targets(path: Path) -> tuple[tuple[str, str], ...]:
    try:
        lines = path.read_text().splitlines()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "Check the path.") from error
    targets = []
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) != 2:
            raise UsageError(f"{path}:{number}: '{line}' is no target", "Write METHOD URL, like GET http://host/path.")
        targets.append((words[0], words[1]))
    if not targets or len(targets) > MAX_TARGETS:
        raise UsageError(f"{path} holds {len(targets)} targets", f"Give 1 to {MAX_TARGETS:,}, one a line.")
    return tuple(targets)


def _resolve(text: str) -> dict[str, Any]:
    host, port, address = _fields(text, 3, "--resolve", "HOST:PORT:ADDRESS")
    return {"host": host, "port": _port(port), "address": address.strip("[]")}


def _connect_to(text: str) -> dict[str, Any]:
    host, port, to_host, to_port = _fields(text, 4, "--connect-to", "HOST:PORT:HOST2:PORT2")
    return {
        "host": host or None,
        "port": _port(port) if port else None,
        "to_host": to_host.strip("[]"),
        "to_port": _port(to_port),
    }


def _fields(text: str, count: int, flag: str, form: str) -> list[str]:
    """Split at colons, but not within the brackets of an IPv6 address."""
    fields, depth = [""], 0
    for character in text:
        depth += (character == "[") - (character == "]")
        if character == ":" and depth == 0 and len(fields) < count:
            fields.append("")
        else:
            fields[-1] += character
    if len(fields) != count:
        raise UsageError(f"{flag}: '{text}' is no {form}", f"Write {form}.")
    return fields


def _port(text: str) -> int:
    if not text.isdigit():
        raise UsageError(f"'{text}' is no port", "Use 1 to 65535.")
    return int(text)


def _pair(text: str, separator: str, flag: str, form: str) -> tuple[str, str]:
    name, found, value = text.partition(separator)
    if not found or not name.strip():
        raise UsageError(f"{flag}: '{text}' is no {form}", f"Write {form}.")
    return name.strip(), value.strip()


def _output_target(text: str) -> OutputTarget:
    kind, _, path = text.partition("=")
    if kind in LATER_OUTPUTS:
        raise NotBuilt(f"-o {kind} is not built yet", f"There are {', '.join(OUTPUTS)}.")
    for known in OUTPUTS:
        if kind == known:
            parent = Path(path or ".").parent
            if path not in ("", "-") and not (parent.is_dir() and os.access(parent, os.W_OK)):
                raise UsageError(f"-o {text}: {parent} is no folder to write into", "Make it first, or name another.")
            return OutputTarget(known, path or f"apibench.{known}")
    raise UsageError(f"-o {text}: there is no output '{kind}'", did_you_mean(kind, OUTPUTS))
