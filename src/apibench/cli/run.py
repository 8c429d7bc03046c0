"""`apibench run`: load-test a URL or a plan."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter

from apibench.assembly.run_request import OutputTarget, Progress, RunRequest, Summary, output_target
from apibench.authoring.any_target import read_target
from apibench.authoring.load_words import OF_THE_LOAD, LoadWords
from apibench.authoring.python_words import PythonWords
from apibench.authoring.reading import Reading
from apibench.authoring.request_words import RequestWords, read_pair
from apibench.cli.flag_values import whole_number
from apibench.cli.remote_words import RemoteWords, read_remote
from apibench.model.fault import Place
from apibench.model.once import once as only_once
from apibench.model.units import parse_duration

MAX_THREADS = 1_024

_FLAGS = {
    "url": "TARGET",
    "headers": "--header",
    "stages": "--stage",
    "thresholds": "--threshold",
    "redirects": "--location",
    "ca_file": "--cacert",
    "keepalive": "--no-keepalive",
    "ipv4": "-4",
    "ipv6": "-6",
}
"""Where the flag of a word is not the word itself."""

_load = Group("Load", sort_key=1)
_request = Group("Request", sort_key=2)
_connection = Group("Connection", sort_key=3)
_goals = Group("Pass or fail", sort_key=4)
_output = Group("Output", sort_key=5)
_remote = Group("On other machines", sort_key=6)
_advanced = Group("Advanced", sort_key=7)


def run(  # noqa: PLR0913 - the flags of a command line are its parameters
    target: str,
    /,
    *,
    connections: Annotated[int | None, Parameter(alias="-c", group=_load, converter=whole_number)] = None,
    vus: Annotated[int | None, Parameter(name=["--vus", "-u", "--users"], group=_load, converter=whole_number)] = None,
    iterations: Annotated[str | None, Parameter(alias="-n", group=_load)] = None,
    duration: Annotated[str | None, Parameter(name=["--duration", "-d", "-z"], group=_load)] = None,
    rate: Annotated[str | None, Parameter(name=["--rate", "-r", "-R", "--rps", "--qps"], group=_load)] = None,
    stage: Annotated[tuple[str, ...], Parameter(group=_load, negative="", show_default=False)] = (),
    arrivals: Annotated[Literal["constant", "poisson"] | None, Parameter(group=_load)] = None,
    when_busy: Annotated[Literal["queue", "grow", "drop"] | None, Parameter(group=_load)] = None,
    max_connections: Annotated[int | None, Parameter(group=_load, converter=whole_number)] = None,
    max_catchup: Annotated[int | None, Parameter(group=_load, converter=whole_number)] = None,
    warmup: Annotated[str | None, Parameter(group=_load)] = None,
    drain: Annotated[str | None, Parameter(group=_load)] = None,
    method: Annotated[str | None, Parameter(name=["--method", "-X", "-m"], group=_request)] = None,
    header: Annotated[tuple[str, ...], Parameter(alias="-H", group=_request, negative="", show_default=False)] = (),
    data: Annotated[str | None, Parameter(name=["--data", "--body", "-b"], group=_request)] = None,
    json_body: Annotated[str | None, Parameter(group=_request)] = None,
    form: Annotated[tuple[str, ...], Parameter(alias="-F", group=_request, negative="", show_default=False)] = (),
    user: Annotated[str | None, Parameter(alias="-a", group=_request)] = None,
    targets: Annotated[Path | None, Parameter(group=_request)] = None,
    location: Annotated[int, Parameter(alias="-L", group=_request, show_default=False, converter=whole_number)] = 0,
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
    controller: Annotated[str | None, Parameter(group=_remote)] = None,
    workers: Annotated[int | None, Parameter(group=_remote, converter=whole_number)] = None,
    region: Annotated[tuple[str, ...], Parameter(group=_remote, negative="", show_default=False)] = (),
    sign_with: Annotated[Path | None, Parameter(group=_remote)] = None,
    on_worker_loss: Annotated[Literal["rebalance", "degrade", "abort"] | None, Parameter(group=_remote)] = None,
    on_lost_control: Annotated[Literal["stop", "finish"] | None, Parameter(group=_remote)] = None,
    threads: Annotated[int | None, Parameter(group=_advanced, converter=whole_number)] = None,
    spin: Annotated[Literal["auto", "on", "off"], Parameter(group=_advanced)] = "auto",
    seed: Annotated[int | None, Parameter(group=_advanced, converter=whole_number)] = None,
    python_processes: Annotated[int | None, Parameter(group=_advanced, converter=whole_number)] = None,
    python_timeout: Annotated[str | None, Parameter(group=_advanced)] = None,
    python_memory: Annotated[str | None, Parameter(group=_advanced)] = None,
    once: Annotated[bool, Parameter(group=_advanced, negative="", show_default=False)] = False,
    trace: Annotated[bool, Parameter(group=_advanced, negative="", show_default=False)] = False,
    dry_run: Annotated[bool, Parameter(group=_advanced, negative="", show_default=False)] = False,
) -> RunRequest:
    """
    Load-test a URL, a scenario or a plan.

    Closed model, 50 connections, 10 s, unless told otherwise. With a rate it is an open model: requests fall due
    whether or not the target keeps up, and response time counts from when they were due.

    Parameters
    ----------
    target
        http://… or https://…, or a plan: FILE.py[:SCENARIO], FILE.yaml, FILE.toml, FILE.json.
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
    max_catchup
        Behind schedule, send at most so many times the planned rate. [as fast as it goes]
    warmup
        Time before the measurement, counted apart.
    drain
        How long after the end responses are waited for. [10s]
    method
        GET, POST, … [GET, with a body POST]
    header
        'Name: value'. Repeatable. A value may name a secret: ${secret:NAME} is APIBENCH_SECRET_NAME, and never shown.
    data
        Body: text, or @FILE. It may name secrets too.
    json_body
        Body: JSON text, or @FILE; sets Content-Type.
    form
        Multipart body: NAME=VALUE, or NAME=@FILE. Repeatable.
    user
        USER:PASSWORD, sent as basic authorization.
    targets
        File of lines 'METHOD URL', or 'METHOD /PATH' of TARGET's host, asked in turn.
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
        KIND=FILE: json, ndjson (as it goes), csv, hgrm, junit; '-' is standard output. Repeatable.
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
    controller
        URL of a controller: its workers make the load, with APIBENCH_TOKEN.
    workers
        So many of them. [all that are idle]
    region
        NAME:COUNT, so many of that region: eu:2 or eu:2,us:1. Repeatable.
    sign_with
        File of the key that signs functions of Python for workers. [APIBENCH_SIGNING_KEY]
    on_worker_loss
        Give its share to the others, go on without it, or abort. [rebalance]
    on_lost_control
        What workers do that hear of no controller. [stop]
    threads
        Threads that make load. [by processors and quota]
    spin
        Look instead of sleep just before a request is due; off: only for what is too short to sleep.
    seed
        The same seed gives the same requests. [random]
    python_processes
        Processes that functions of Python are called by. [as many as processors]
    python_timeout
        A call that takes longer has its process ended. [10s]
    python_memory
        A process that has more is replaced. [1GiB]
    once
        One iteration of each scenario, in place of its load.
    trace
        With --once: show what is sent, what comes back and what is made of it, step by step.
    dry_run
        Print the plan; send nothing.
    """
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
        max_catchup=max_catchup,
        warmup=warmup,
        drain=drain,
        seed=seed,
        name=name,
        thresholds=threshold,
    )
    request = RequestWords(
        url=target,
        method=method,
        headers=header,
        data=data,
        json_body=json_body,
        form=form,
        user=user,
        targets=targets,
        timeout=timeout,
        connect_timeout=connect_timeout,
        http=http,
        insecure=insecure,
        ca_file=cacert,
        redirects=location,
        keepalive=keepalive,
        ipv4=ipv4,
        ipv6=ipv6,
        resolve=resolve,
        connect_to=connect_to,
        unix_socket=unix_socket,
    )
    target_read = read_target(target, request, load, once=once)
    reading = target_read.reading
    outputs = _outputs(output, reading)
    tags = _tags(tag, reading)
    patience_ns = reading.attempt(parse_duration, wait_for_target or "0s", ("wait_for_target",), 0)
    if threads is not None and not 1 <= threads <= MAX_THREADS:
        reading.refuse(("threads",), f"{threads} threads can make no load", f"Use 1 to {MAX_THREADS:,}.")
    if trace and not once:
        reading.refuse(("trace",), "shows every step, which is for one iteration and not for a load", "Add --once.")
    if trace and output:
        reading.refuse(("output", 0), "holds the figures of a load, and --trace shows one iteration", "Leave it out.")
    if once:
        _refuse_loads(load, reading)
    if trace and controller is not None:
        reading.refuse(("trace",), "shows an iteration of this machine", "Leave --controller out.")
    python = PythonWords(python_processes, python_timeout, python_memory)
    words = RemoteWords(controller, workers, region, sign_with, on_worker_loss, on_lost_control)
    own = (("threads", threads), ("preflight", not preflight), *python.given())
    remote = read_remote(words, reading, local=own)
    may_call = bool(target_read.callees) or target_read.unusable is not None or controller is not None
    python_options = python.read(reading, calls=may_call)
    if sign_with is not None and not target_read.callees and target_read.unusable is None and controller is not None:
        reading.refuse(("sign_with",), "signs functions of Python, and this calls none", "Leave it out.")
    plan = target_read.plan(_flag)
    return RunRequest(
        plan=only_once(plan) if once else plan,
        trace=trace,
        threads=threads,
        spin=spin,
        outputs=outputs,
        summary=summary,
        progress=progress,
        store=store,
        preflight=preflight,
        wait_for_target_ns=patience_ns,
        tags=tags,
        dry_run=dry_run,
        callees=target_read.callees,
        scenario=target_read.file,
        python=python_options,
        remote=remote,
    )


def _refuse_loads(load: LoadWords, reading: Reading) -> None:
    """What says how much and what has to hold, beside one iteration."""
    for word in (*OF_THE_LOAD, "warmup", "thresholds"):
        if getattr(load, word) not in (None, ()):
            place = (word, 0) if word in ("stages", "thresholds") else (word,)
            reading.refuse(place, "is of a load, and --once does one iteration", "Leave one of them out.")


def _outputs(texts: Sequence[str], reading: Reading) -> tuple[OutputTarget, ...]:
    targets: list[OutputTarget] = []
    for at, text in enumerate(texts):
        target = reading.attempt(output_target, text, ("output", at), None)
        if target is None:
            continue
        if any(target.path == other.path for other in targets):
            where = "standard output" if target.path == "-" else target.path
            reading.refuse(("output", at), f"{where} holds another output already", "Give each a file of its own.")
        targets.append(target)
    return tuple(targets)


def _tags(texts: Sequence[str], reading: Reading) -> dict[str, str]:
    tags: dict[str, str] = {}
    for at, text in enumerate(texts):
        pair = reading.attempt(lambda text: read_pair(text, "=", "KEY=VALUE"), text, ("tag", at), None)
        if pair is not None and pair[0] in tags:
            reading.refuse(("tag", at), f"`{pair[0]}` has a value already", "Give each key once.")
        elif pair is not None:
            tags[pair[0]] = pair[1]
    return tags


def _flag(path: Place) -> str:
    """The flag of a word, as it is written."""
    word = str(path[0]) if path else ""
    if word == "targets" and len(path) > 1:
        return f"--targets line {path[1]}"
    return _FLAGS.get(word, "--" + word.replace("_", "-"))
