"""A virtual user whose iterations are Python: what a function under `@python_user` is given."""

from collections.abc import Coroutine, Mapping
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any

from apibench.authoring.python_user.line import Line
from apibench.authoring.python_user.messages import REQUEST, SLEEP
from apibench.authoring.python_user.outgoing import texts_of
from apibench.authoring.python_user.place import Places
from apibench.authoring.python_user.response import PythonResponse, RequestFailed
from apibench.authoring.tracing.words import Between
from apibench.model.seeded_random import SeededRandom
from apibench.model.units import parse_duration

Sent = Coroutine[Any, Any, PythonResponse]


class PythonUser:
    """
    A virtual user whose iterations are Python. Its requests, its connections and cookies, and its clock are those of
    the engine. What is to last from one iteration to the next is kept in it: `u.token = login.json["token"]`.
    """

    if TYPE_CHECKING:
        # Names of a scenario's own may be set on it.
        def __getattr__(self, name: str) -> Any: ...
        def __setattr__(self, name: str, value: Any) -> None: ...

    headers: dict[str, str]
    """What all that it sends has, from now on: `u.headers["Authorization"] = f"Bearer {token}"`."""
    shared: Mapping[str, Any]
    """What set-up has handed over: `u.shared["token"]`."""

    def __init__(self, line: Line, places: Places) -> None:
        """Of one virtual user. `places`: where its requests stand."""
        self._line = line
        self._places = places
        self._seed = b""
        self._random: SeededRandom | None = None
        self._is_seeded = False
        self.headers = {}
        self.shared = {}

    def begin(self, seed: bytes, shared: Mapping[str, Any]) -> None:
        """An iteration begins."""
        self._seed, self._is_seeded, self.shared = seed, False, shared

    @property
    def random(self) -> Random:
        """Where an iteration draws its random values, a `random.Random`: the same in each run of the same seed."""
        if self._random is None:
            self._random = SeededRandom(self._seed)
        elif not self._is_seeded:
            self._random.seed(self._seed)
        self._is_seeded = True
        return self._random

    def get(self, path: str, **words: Any) -> Sent:
        """Send a GET; the words are those of `request`."""
        return self._send(self._places.number(words.get("name")), path, words)

    def head(self, path: str, **words: Any) -> Sent:
        """Send a HEAD; the words are those of `request`."""
        return self._send(self._places.number(words.get("name")), path, words)

    def post(self, path: str, **words: Any) -> Sent:
        """Send a POST; the words are those of `request`."""
        return self._send(self._places.number(words.get("name")), path, words)

    def put(self, path: str, **words: Any) -> Sent:
        """Send a PUT; the words are those of `request`."""
        return self._send(self._places.number(words.get("name")), path, words)

    def patch(self, path: str, **words: Any) -> Sent:
        """Send a PATCH; the words are those of `request`."""
        return self._send(self._places.number(words.get("name")), path, words)

    def delete(self, path: str, **words: Any) -> Sent:
        """Send a DELETE; the words are those of `request`."""
        return self._send(self._places.number(words.get("name")), path, words)

    def options(self, path: str, **words: Any) -> Sent:
        """Send an OPTIONS; the words are those of `request`."""
        return self._send(self._places.number(words.get("name")), path, words)

    def request(self, method: str, path: str, **words: Any) -> Sent:
        """
        Send a request, and wait for its answer: `r = await u.post("/orders", json={"sku": "A1"})`. One that is not ok
        counts as failed, and so does its iteration, which goes on all the same: look at `r.ok` or `r.status`.

        - `params`: the query, by name, percent-encoded.
        - `headers`: beside and in place of those of the user, by name: text and whole numbers.
        - `json`: the body as JSON. Sets `Content-Type`, if no header does.
        - `data`: the body as text or bytes, where it is not JSON; up to 8 MiB.
        - `expect`: which answers are ok, like `status("2xx", 404)`; every status below 400 unless told.
        - `name`: what it is counted under; method and path unless told, as they are written: `GET /products/{id}`.

        Args:
            method: GET, POST, …, in quotes.
            path: behind the scenario's `base_url`, from its `/` on, percent-encoded where it has to be.
            words: these.

        Raises RequestFailed where no answer came, ValueError and TypeError for what can't be sent.
        """
        del method  # the number has it
        return self._send(self._places.number(words.get("name")), path, words)

    async def think(self, pause: "str | Between") -> None:
        """Pause, as a person would: `await u.think("500ms")`, `await u.think(between("1s", "3s"))`."""
        if isinstance(pause, Between):
            pause_ns = self.random.randint(_duration_ns(pause.low), _duration_ns(pause.high))
        else:
            pause_ns = _duration_ns(pause)
        await self._line.wish(SLEEP, pause_ns=pause_ns)

    def check(self, condition: object, name: str) -> None:
        """Count whether something holds, under a name: `u.check(item.json["price"] > 0, "has a price")`."""
        self._line.check(self._places.check(name), bool(condition))

    async def _send(self, number: int, path: str, words: Mapping[str, Any]) -> PythonResponse:
        texts, has_body = texts_of(path, self.headers, **words)
        answer = await self._line.wish(REQUEST, number, has_body, texts)
        if isinstance(answer, PythonResponse):
            return answer
        raise answer or RequestFailed("")


@lru_cache(maxsize=1_000)
def _duration_ns(text: str) -> int:
    return parse_duration(text)
