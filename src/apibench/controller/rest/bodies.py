"""What requests carry: strict, bounded, and refused with all faults."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict, ValidationError

from apibench.model.canonical import MAX_INTEGER
from apibench.model.errors import UnitInvalid
from apibench.model.fault import Fault
from apibench.model.installation import Role
from apibench.model.load import Rate
from apibench.model.part import MAX_DURATION_NS, Name, Part, Text, fault
from apibench.model.quota import Quota
from apibench.model.units import NS_PER_S, parse_duration, parse_rate

MAX_WORKERS = 10_000
MAX_TOKEN_LIFE_S = 3_650 * 86_400
_BUNDLE_WORDS = "Code that the plan has called, signed: `apibench plan FILE.py --sign-with KEYFILE` prints both."
_FROM_WORDS = "Workers that wait for runs, or that agents make for this one. Left out: as the controller was told."
_PATIENCE_WORDS = "How long workers are waited for. Left out: 60, and 300 where agents make them."
_PLAN_WORDS = "A plan, in the words of a plan file (`rate: 500/s`); its schema: `apibench plan --schema`."


class Body(Part):
    """The body of a request."""

    @staticmethod
    def faults_between(_: Mapping[str, Any]) -> list[Fault]:
        """What is wrong between the fields of a document; looked for also where a field is faulty itself."""
        return []


def rate_of(text: str) -> Rate:
    """`500/s` as a rate. Raises UnitInvalid."""
    parts = parse_rate(text)
    try:
        return Rate.model_validate({"count": parts.count, "per_ns": parts.per_ns})
    except ValidationError as error:
        message = f"'{text}' is beyond what a load can have"
        raise UnitInvalid(message, "At most 10,000,000/s, and at least one in 30 days.") from error


def _rate_text(text: str) -> str:
    try:
        rate_of(text)
    except UnitInvalid as error:
        raise fault("unit", error.message, error.hint) from error
    return text


def _life(text: str) -> str:
    try:
        life_s = life_s_of(text)
    except UnitInvalid as error:
        raise fault("unit", error.message, error.hint) from error
    if not 1 <= life_s <= MAX_TOKEN_LIFE_S:
        raise fault("range", "a token lives from 1 second to 10 years", "Write it like 12h or 90d.")
    return text


def life_s_of(text: str) -> int:
    """`90d` in seconds. Raises UnitInvalid."""
    return parse_duration(text) // NS_PER_S


def _span(text: str) -> str:
    try:
        span_ns = parse_duration(text)
    except UnitInvalid as error:
        raise fault("unit", error.message, error.hint) from error
    if not 1 <= span_ns <= MAX_DURATION_NS:
        raise fault("range", "is not more than nothing and at most 30 days", "Write it like 90s or 1h.")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise fault("range", "is empty", "Write something.")
    return text


_Plan = Annotated[dict[str, Any], Field(description=_PLAN_WORDS)]
_Bundle = Annotated[dict[str, Any], Field(description=_BUNDLE_WORDS)]
_Count = Annotated[int, Strict(), Field(ge=1, le=MAX_WORKERS)]
_Rate = Annotated[
    str, Strict(), Field(max_length=64, examples=["500/s"], description="like 500/s"), AfterValidator(_rate_text)
]
_TagText = Annotated[Text, Field(max_length=500)]


class NewTest(Body):
    """A test, and its first version where a plan is with it."""

    name: Name
    plan: _Plan | None = None
    bundle: _Bundle | None = None

    @staticmethod
    def faults_between(document: Mapping[str, Any]) -> list[Fault]:
        """No code without a plan that has it called."""
        return _bundle_alone(document)


class NewVersion(Body):
    """Another version of a test."""

    plan: _Plan
    bundle: _Bundle | None = None


class TestChoice(Part):
    """Which version of which test; the newest where none is said."""

    __test__ = False  # not one of pytest's

    id: Annotated[str, Strict(), Field(pattern="^[0-9A-Za-z_-]{1,64}$")]
    version: Annotated[int, Strict(), Field(ge=1, le=2**31 - 1)] | None = None


class NewRun(Body):
    """A run of a plan, or of a version of a test."""

    plan: _Plan | None = None
    bundle: _Bundle | None = None
    test: TestChoice | None = None
    name: Name | None = None
    workers: _Count | None = None
    regions: dict[Name, _Count] = Field(default={}, max_length=100)
    on_worker_loss: Literal["rebalance", "degrade", "abort"] = "rebalance"
    on_lost_control: Literal["stop", "finish"] = "stop"
    least_workers: _Count = 1
    workers_from: Annotated[Literal["pool", "agent"], Field(description=_FROM_WORDS)] | None = None
    patience_s: Annotated[int, Strict(), Field(ge=1, le=3_600, description=_PATIENCE_WORDS)] | None = None
    tags: dict[Name, _TagText] = Field(default={}, max_length=50)

    @staticmethod
    def faults_between(document: Mapping[str, Any]) -> list[Fault]:
        """One plan, one way to say how many, and enough of them."""
        found: list[Fault] = _bundle_alone(document)
        given = [word for word in ("plan", "test") if document.get(word) is not None]
        if not given:
            found.append(_between("plan", "missing", "nothing says what to run", "Add `plan`, or `test` with its id."))
        elif len(given) == 2:
            found.append(_between("test", "twice", "a plan is there already", "Keep one of `plan` and `test`."))
        regions = document.get("regions")
        if document.get("workers") is not None and regions:
            found.append(_between("regions", "twice", "`workers` says how many already", "Keep one of them."))
        asked = document.get("workers")
        if isinstance(regions, dict) and regions and all(_is_count(each) for each in regions.values()):
            asked = sum(regions.values())
        least = document.get("least_workers", 1)
        if _is_count(asked) and _is_count(least) and least > asked:
            message = f"{least} workers are asked for at the least, and {asked} at all"
            found.append(_between("least_workers", "range", message, f"At most {asked}."))
        return found


class RateOfScenario(Part):
    """Another rate for a scenario."""

    scenario: Name
    rate: _Rate


class NewRates(Body):
    """Other rates for scenarios of a run that is going on."""

    rates: Annotated[tuple[RateOfScenario, ...], Field(min_length=1, max_length=100)]

    @staticmethod
    def faults_between(document: Mapping[str, Any]) -> list[Fault]:
        """Each scenario once."""
        rates = document.get("rates")
        if not isinstance(rates, list):
            return []
        names = [each.get("scenario") if isinstance(each, dict) else None for each in rates]
        return [
            _between(f"rates[{at}].scenario", "twice", "this scenario has a rate already", "Keep one of them.")
            for at, name in enumerate(names)
            if isinstance(name, str) and name in names[:at]
        ]


class NewQuota(Body):
    """What may be used at once, instead of what held before. What is left out has no bound."""

    rate: (
        Annotated[
            str,
            Strict(),
            Field(max_length=64, examples=["1000/s"], description="like 1000/s"),
            AfterValidator(_rate_text),
        ]
        | None
    ) = None
    vus: Annotated[int, Strict(), Field(ge=0, le=MAX_INTEGER)] | None = None
    duration: (
        Annotated[str, Strict(), Field(max_length=64, examples=["1h"], description="like 1h"), AfterValidator(_span)]
        | None
    ) = None
    runs: Annotated[int, Strict(), Field(ge=0, le=MAX_INTEGER)] | None = None

    def quota(self) -> Quota:
        """In integers."""
        return Quota(
            None if self.rate is None else rate_of(self.rate),
            self.vus,
            None if self.duration is None else parse_duration(self.duration),
            self.runs,
        )


class NewNote(Body):
    """Something to stand beside a run."""

    text: Annotated[Text, Field(min_length=1, max_length=2_000), AfterValidator(_not_blank)]


class NewKill(Body):
    """Why everything is to stop."""

    reason: Annotated[Text, Field(min_length=1, max_length=500), AfterValidator(_not_blank)]


class NewToken(Body):
    """A token for somebody."""

    name: Name
    role: Role
    expires_in: (
        Annotated[str, Strict(), Field(max_length=64, examples=["90d"], description="like 90d"), AfterValidator(_life)]
        | None
    ) = None


def _bundle_alone(document: Mapping[str, Any]) -> list[Fault]:
    if document.get("bundle") is None or document.get("plan") is not None:
        return []
    return [_between("bundle", "bundle.unwanted", "belongs to a plan, and there is none", "Send `plan` with it.")]


def _is_count(value: object) -> bool:
    return type(value) is int


def _between(place: str, code: str, message: str, remedy: str) -> Fault:
    return Fault(code, place, message, remedy, path=(place,))
