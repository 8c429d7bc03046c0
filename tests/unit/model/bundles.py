"""Plans that have functions of Python called, and bundles of them, for tests."""

from typing import Any

from apibench.model.bundle import Bundle, BundledFunction, Manifest, digest_of
from apibench.model.plan import Plan
from apibench.model.validation import parse_plan
from apibench.wire.signing_keys import SigningKey

FILES = {
    "shopper.py": "from pricing.tax import of\n\ndef sign(order):\n    return of(order)\n",
    "pricing/tax.py": "of = str\n",
}
FUNCTIONS = {"sign": BundledFunction(name="sign"), "tax": BundledFunction(module="pricing.tax", name="of")}


def plan_document(*functions: str) -> dict[str, Any]:
    """A plan that has them called, in the words of its one form, which are words of files too."""
    steps = [{"type": "python", "function": name, "arguments": [], "to": "value"} for name in functions]
    request = {"type": "request", "host": "h", "path": "/a"}
    load = {"model": "closed", "vus": 1, "ends": {"iterations": 1}}
    return {
        "version": 1,
        "hosts": {"h": {"base_url": "http://127.0.0.1:1"}},
        "scenarios": [{"name": "s", "steps": [request, *steps], "load": load}],
    }


def calling(*functions: str) -> Plan:
    """The same, validated."""
    return parse_plan(plan_document(*functions))


def manifest_of(plan: Plan, files: dict[str, str] | None = None, **other: Any) -> Manifest:
    """What is signed of these files; all that has been called is `sign` and `tax`."""
    files = FILES if files is None else files
    words: dict[str, Any] = {
        "version": 1,
        "plan_sha256": plan.sha256(),
        "entry": "shopper.py",
        "functions": FUNCTIONS,
        "files": {name: digest_of(text) for name, text in files.items()},
        "python": "3.13",
        "apibench": "1.2.3",
    }
    return Manifest(**(words | other))


def bundle_of(plan: Plan, key: SigningKey, files: dict[str, str] | None = None, **other: Any) -> Bundle:
    """A bundle of them."""
    return key.sign(manifest_of(plan, files, **other), FILES if files is None else files)
