"""Code that plans have called: whether this installation lets any pass, and whether what has come is a plan's own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from apibench.model.bundle import Bundle, bundle_faults, read_bundle, validated_bundle
from apibench.model.errors import BundleUnusable
from apibench.model.fault import Fault, place_text
from apibench.model.installation import BundleRow
from apibench.model.plan import Plan
from apibench.model.python_steps import python_steps
from apibench.store.control import ControlStore
from apibench.wire.limits import MAX_PAYLOAD_BYTES
from apibench.wire.signing_keys import check_signature

_NOT_HERE = "is Python, and this installation has none called"
_ALLOW = "Leave the step out, or run the scenario on one machine; its operator can allow it: --allow-python."
_UNSIGNED = "is Python, and its code is not there"
_SIGN = "Sign it: apibench run FILE.py --controller URL --sign-with KEYFILE."


@dataclass(frozen=True, slots=True)
class Code:
    """What goes with a plan that has functions of Python called."""

    text: str
    """The bundle's canonical JSON."""
    sha256: str
    signed_by: str
    """The fingerprint of the key."""


class Bundles:
    """What an installation has of them. Workers look at each for themselves: they are who would run it."""

    def __init__(self, store: ControlStore, term: Callable[[], int], *, allowed: bool) -> None:
        """`term` tells the controller's own, and raises StaleTerm where it does not lead."""
        self._store = store
        self._term = term
        self.allowed = allowed
        """Whether plans may have functions of Python called at all."""

    def code_of(self, plan: Plan, document: object) -> tuple[Code | None, list[Fault]]:
        """
        What a plan comes with: none where it has none called. And everything that is wrong with it, at places of a
        request that has `plan` and `bundle`.
        """
        steps = [(("plan", *place), step.function) for place, step in python_steps(plan)]
        if not steps:
            if document is None:
                return None, []
            message, path = "the plan has no function of Python called", ("bundle",)
            return None, [Fault("bundle.unwanted", "bundle", message, "Leave it out.", path=path)]
        if not self.allowed or document is None:
            why, remedy = (_UNSIGNED, _SIGN) if self.allowed else (_NOT_HERE, _ALLOW)
            refused = [
                Fault("python", place_text(path), f"`{function}` {why}", remedy, path=path) for path, function in steps
            ]
            return None, refused
        bundle, faults = validated_bundle(document)
        if bundle is None:
            return None, faults
        return self._code(plan, bundle)

    async def kept_code(self, plan: Plan, sha256: str | None) -> tuple[Code | None, list[Fault]]:
        """The same for a plan that was kept with the name of its bundle."""
        row = None if sha256 is None else await self._store.bundle(sha256)
        document: Mapping[str, object] | None = None
        if row is not None:
            try:
                document = read_bundle(row.bundle).model_dump(mode="json")
            except BundleUnusable as error:
                return None, list(error.faults)
        return self.code_of(plan, document)

    async def keep(self, code: Code, actor: str) -> None:
        """Write it down, so that runs and versions can name it."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        await self._store.add_bundle(self._term(), BundleRow(code.sha256, code.text, at, actor))

    @staticmethod
    def _code(plan: Plan, bundle: Bundle) -> tuple[Code | None, list[Fault]]:
        faults, signer = bundle_faults(bundle, plan), ""
        try:
            signer = check_signature(bundle).fingerprint
        except BundleUnusable as error:
            faults += error.faults
        text = bundle.canonical()
        size = len(plan.canonical()) + len(text.encode())
        if size > MAX_PAYLOAD_BYTES:
            message = f"the plan and its code have {size:,} bytes, and a message to a worker {MAX_PAYLOAD_BYTES:,}"
            faults.append(Fault("bundle.large", "bundle", message, "Make one of them smaller.", path=("bundle",)))
        return (None, faults) if faults else (Code(text, bundle.sha256(), signer), [])
