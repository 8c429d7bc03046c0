"""
A run on an installation: started over REST, followed by its stream, and shown as one of this machine is.

The run is the installation's, not ours: a laptop that loses its network comes back to it, and Ctrl-C asks it to stop.
"""

import queue
import secrets
import sys
import threading
import time
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.text import Text

from apibench.assembly.last_screen import print_summary
from apibench.assembly.outputs import Outputs
from apibench.assembly.remote_request import RemoteRequest
from apibench.assembly.rest_client import RestClient, StreamEvent
from apibench.assembly.row_files import with_rows
from apibench.assembly.run_request import RunRequest
from apibench.assembly.signal_stops import SignalStops
from apibench.assembly.signed_bundle import signed_bundle
from apibench.model.errors import ApibenchError, LinkLost, NotFound, OutputFailed
from apibench.model.exit_codes import ExitCode
from apibench.model.python_steps import python_functions
from apibench.report.remote_progress import RemoteProgress

AGAIN_S = 1.0
TICK_S = 0.25
START_S = 30.0
"""How long an installation that has just been started may take to be able to start a run."""
QUEUED_S = 3.0
"""How long a run may wait for workers before somebody is told."""
LOST_S = 120.0
"""How long a controller that does not answer is asked again."""
PLAIN_EVERY = 10
"""Windows behind the first."""
_OVER = ("finished", "failed")


def run_remote(request: RunRequest, remote: RemoteRequest) -> ExitCode:
    """Run the plan there, say what it came to, and return the exit code."""
    body = _body(request, remote)
    client = RestClient(remote.controller, remote.token, ca_file=remote.ca_file, insecure=remote.insecure)
    stops = SignalStops()
    with stops.listening():
        row = _start(client, body, stops)
        sys.stderr.write(f"apibench: run {row['id']} on {client.url}\n")
        outputs = Outputs(request.outputs)
        outputs.begin()
        row = _Following(client, request, row, stops, outputs).to_the_end()
        if row["state"] == "failed":
            sys.stderr.write(f"apibench: the run did not begin: {row['reason']}\n")
            if row.get("exit_code") is not None:
                return ExitCode(row["exit_code"])
            return ExitCode.INTERRUPTED if stops.asked else ExitCode.NOTHING_SENT
        document = _patiently(lambda: client.ask("GET", f"/v1/runs/{row['id']}/result"), stops)
    return _say(request, document, outputs)


def _body(request: RunRequest, remote: RemoteRequest) -> dict[str, Any]:
    """What is asked for. Raises ApibenchError for what can't be sent."""
    plan = with_rows(request.plan)
    body: dict[str, Any] = {
        "plan": plan.document(),
        "tags": dict(request.tags),
        "on_worker_loss": remote.on_worker_loss,
        "on_lost_control": remote.on_lost_control,
    }
    if remote.regions:
        body["regions"] = dict(remote.regions)
    elif remote.workers is not None:
        body["workers"] = remote.workers
    if python_functions(plan):
        bundle = signed_bundle(plan, request.callees, request.scenario, remote.signing_key)
        body["bundle"] = bundle.model_dump(mode="json")
    return body


def _start(client: RestClient, body: dict[str, Any], stops: SignalStops) -> dict[str, Any]:
    # With a key of its own it can be asked again without starting a second run.
    key = {"Idempotency-Key": secrets.token_hex(16)}
    row: dict[str, Any] = _patiently(lambda: client.ask("POST", "/v1/runs", body, key), stops, patience_s=START_S)
    return row


def _patiently(ask: Any, stops: SignalStops, *, patience_s: float = LOST_S) -> Any:
    """Ask again while nobody answers, for a while."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return ask()
        except LinkLost:
            if stops.asked > 1 or time.monotonic() > deadline:
                raise
            time.sleep(AGAIN_S)


class _Following:
    """A run that goes on there."""

    def __init__(
        self, client: RestClient, request: RunRequest, row: dict[str, Any], stops: SignalStops, outputs: Outputs
    ) -> None:
        self._client = client
        self._outputs = outputs
        self._row = row
        self._stops = stops
        self._asked = 0
        self._progress = RemoteProgress(request.plan)
        self._console = Console(stderr=True, highlight=False)
        self._kind = request.progress
        if self._kind in ("auto", "tty"):
            draws = sys.stderr.isatty() and not self._console.is_dumb_terminal
            self._kind = "tty" if draws else "plain"
        self._heard: queue.Queue[StreamEvent | None] = queue.Queue(maxsize=1_000)
        self._over = threading.Event()

    def to_the_end(self) -> dict[str, Any]:
        """Show it until it is over; the run as it is then."""
        threading.Thread(target=self._listen, name="stream", daemon=True).start()
        live = Live(Text(""), console=self._console, auto_refresh=False, transient=True)
        if self._kind == "tty":
            live.start()
        try:
            looked_s, began_s, told = 0.0, time.monotonic(), False
            while self._row["state"] not in _OVER:
                self._hand_stops_on()
                self._take(live)
                if self._row["state"] == "queued" and not told and time.monotonic() > began_s + QUEUED_S:
                    told = True
                    sys.stderr.write("apibench: it waits for idle workers; apibench workers shows who there is\n")
                if time.monotonic() > looked_s + AGAIN_S:
                    looked_s = time.monotonic()
                    self._row = _patiently(lambda: self._client.ask("GET", f"/v1/runs/{self._row['id']}"), self._stops)
        finally:
            self._over.set()
            if self._kind == "tty":
                live.stop()
        return self._row

    def _take(self, live: Live) -> None:
        try:
            event = self._heard.get(timeout=TICK_S)
        except queue.Empty:
            event = None
        if event is not None and event.kind == "window" and event.document["state"] != "provisional":
            # A window that was revised comes once more: the later line is the true one.
            rest = {name: value for name, value in event.document.items() if name not in ("summary", "thresholds")}
            self._outputs.append(rest)
        if event is not None and event.kind == "window" and self._progress.add(event.document):
            number = self._progress.windows
            if self._kind == "json":
                sys.stderr.write(self._progress.json_line())
            elif self._kind == "plain" and (number == 1 or number % PLAIN_EVERY == 0):
                sys.stderr.write(self._progress.plain_line())
        if self._kind == "tty":
            block = self._progress.block(
                self._row["state"],
                stopping=self._asked > 0,
                width=self._console.width,
                encoding=self._console.encoding,
            )
            live.update(block, refresh=True)

    def _hand_stops_on(self) -> None:
        """Ctrl-C asks it to stop, a second one to abort."""
        if self._stops.asked > self._asked:
            self._asked = min(self._stops.asked, 2)
            verb = "stop" if self._asked == 1 else "abort"
            _patiently(lambda: self._client.ask("POST", f"/v1/runs/{self._row['id']}/{verb}"), self._stops)

    def _listen(self) -> None:
        """Read the stream, and begin again behind what was heard where it breaks."""
        after = 0
        while not self._over.is_set():
            try:
                for event in self._client.stream(self._row["id"], after):
                    after = event.number
                    self._heard.put(event)
                    if self._over.is_set():
                        return
            except (LinkLost, NotFound):
                pass
            except ApibenchError as error:
                sys.stderr.write(f"apibench: the run can't be followed: {error}\n")
                return
            time.sleep(AGAIN_S)


def _say(request: RunRequest, document: dict[str, Any], outputs: Outputs) -> ExitCode:
    outputs.finish(document)
    if request.summary != "none" and not outputs.takes_standard_output:
        try:
            print_summary(document, request.summary, written=outputs.written)
            sys.stdout.flush()
        except OutputFailed as error:
            sys.stderr.write(f"apibench: {error}\n")
    exit_code = ExitCode(document["verdict"]["exit_code"])
    if outputs.lost and exit_code == ExitCode.PASSED:
        sys.stderr.write("apibench: exit code 1, because an output that was asked for is lost\n")
        return ExitCode.OUR_FAULT
    return exit_code
