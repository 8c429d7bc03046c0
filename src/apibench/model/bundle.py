"""
Code that a plan has called, on its way to workers: files of Python, which functions of them are called, and by whom
they were signed. It travels beside a plan and is no part of one.

Files are text under names, and nothing else: no links, no rights, no times. A bundle has one form, so equal ones have
equal names. What is signed is the manifest, which holds the digest of every file and of the plan: neither can be
replaced, and no other plan can have these functions called with arguments of its own.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, Strict, ValidationError

from apibench.model.canonical import canonical_json
from apibench.model.errors import BundleUnusable
from apibench.model.fault import Fault, place_text
from apibench.model.part import Name, Part, Text, fault
from apibench.model.plan import Plan
from apibench.model.python_steps import python_functions
from apibench.model.validation import fault_of, follows_from_others

MAX_FILES = 200
MAX_CODE_BYTES = 2 * 1024 * 1024
"""Of all files together. A message holds 4 MiB, the plan among them."""
MAX_BUNDLE_BYTES = 3 * 1024 * 1024
"""Of a whole bundle as it is written down."""
_MAX_PATH, _MAX_DEPTH, _MAX_PART = 300, 10, 100
_PYTHON = ".py"
_MAKE_ANEW = "Make the bundle anew: apibench run FILE.py --controller URL --sign-with KEYFILE."


def path_fault(path: str) -> str:
    """Why a name can't be that of a file in a bundle; empty where it can. It leads nowhere but down."""
    parts = path.split("/")
    if not path.endswith(_PYTHON):
        return "is no file of Python"
    if len(path) > _MAX_PATH or len(parts) > _MAX_DEPTH or any(len(part.encode()) > _MAX_PART for part in parts):
        return "is too long"
    if any(not part or part.startswith(".") or part != part.strip() for part in parts):
        return "leads out of its folder, or is hidden"
    if not path.isprintable() or "\\" in path:
        return "has a character that can't stand there"
    return ""


def _path(path: str) -> str:
    why = path_fault(path)
    if why:
        raise fault("bundle.path", why, "Name files as they lie below the scenario's: pricing/tax.py.")
    return path


def _dotted(name: str) -> str:
    if not all(part.isidentifier() for part in name.split(".")):
        raise fault("bundle.name", "is no name of Python", _MAKE_ANEW)
    return name


FilePath = Annotated[str, Strict(), Field(min_length=1, max_length=_MAX_PATH), AfterValidator(_path)]
Dotted = Annotated[str, Strict(), Field(min_length=1, max_length=300), AfterValidator(_dotted)]
Digest = Annotated[str, Strict(), Field(pattern="^[0-9a-f]{64}$")]
"""SHA-256, in hex."""


class BundledFunction(Part):
    """Where a function is found."""

    module: Dotted | None = None
    """As Python imports it; None: it stands in the scenario's own file."""
    name: Dotted
    """Qualified, within it: `Signer.sign`."""


class Manifest(Part):
    """What is signed."""

    version: Literal[1]
    plan_sha256: Digest
    """Of the plan that has these functions called, and of no other."""
    entry: FilePath
    """The scenario's own file."""
    functions: Mapping[Name, BundledFunction] = Field(min_length=1, max_length=1_000)
    """By their names in the plan."""
    files: Mapping[FilePath, Digest] = Field(min_length=1, max_length=MAX_FILES)
    python: Annotated[Text, Field(pattern=r"^[0-9]{1,2}\.[0-9]{1,3}$")]
    """The version that it was made with: `3.13`."""
    apibench: Annotated[Text, Field(min_length=1, max_length=50)]

    def canonical(self) -> bytes:
        """RFC 8785."""
        return canonical_json(self.model_dump(mode="json"))


class Bundle(Part):
    """A manifest, what it speaks of, and the signature of it."""

    manifest: Manifest
    files: Mapping[FilePath, Text] = Field(min_length=1, max_length=MAX_FILES)
    signed_by: Annotated[Text, Field(pattern="^[A-Za-z0-9+/]{43}=$")]
    """A public key of Ed25519: base64 of 32 bytes."""
    signature: Annotated[Text, Field(pattern="^[A-Za-z0-9+/]{86}==$")]
    """Base64 of 64 bytes."""

    def canonical(self) -> str:
        """As it is kept and sent."""
        return canonical_json(self.model_dump(mode="json")).decode()

    def sha256(self) -> str:
        """Its name for machines."""
        return digest_of(self.canonical())


def digest_of(text: str) -> str:
    """SHA-256 of a text in UTF-8, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_bundle(text: str) -> Bundle:
    """A bundle as it was kept or sent. Raises BundleUnusable with all that is wrong with its form."""
    if len(text.encode("utf-8", "surrogatepass")) > MAX_BUNDLE_BYTES:
        raise BundleUnusable([_too_large()])
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BundleUnusable([Fault("bundle.form", "bundle", "is no JSON", _MAKE_ANEW)]) from error
    bundle, faults = validated_bundle(document)
    if bundle is None:
        raise BundleUnusable(faults)
    return bundle


def validated_bundle(document: object) -> tuple[Bundle | None, list[Fault]]:
    """The bundle that a document is, or everything that is wrong with its form; places begin with `bundle`."""
    try:
        bundle = Bundle.model_validate(document)
        if len(bundle.canonical().encode()) > MAX_BUNDLE_BYTES:
            return None, [_too_large()]
    except ValidationError as error:
        told = [each for each in error.errors(include_url=False) if not follows_from_others(each)]
    except ValueError:
        return None, [Fault("bundle.form", "bundle", "holds half of a character", _MAKE_ANEW)]
    else:
        return bundle, []
    found = []
    for details in told:
        path = ("bundle", *(word for word in details["loc"] if word != "[key]"))
        each = fault_of(details, path, None)
        remedy = _MAKE_ANEW if "apibench plan" in each.remedy else each.remedy
        found.append(Fault(each.code, each.place, each.message, remedy, path=path))
    return None, found


def bundle_faults(bundle: Bundle, plan: Plan) -> list[Fault]:
    """What keeps a bundle of good form from being that plan's; whether it is signed is looked at elsewhere."""
    return [*_faults_of_files(bundle), *_faults_with_plan(bundle.manifest, plan)]


def _faults_of_files(bundle: Bundle) -> list[Fault]:
    """The files are those of the manifest, to the last byte, and can lie beside one another."""
    manifest, found = bundle.manifest, []
    if sum(len(text.encode()) for text in bundle.files.values()) > MAX_CODE_BYTES:
        found.append(_too_large())
    for path in sorted({*manifest.files, *bundle.files}):
        content, digest = bundle.files.get(path), manifest.files.get(path)
        if content is None or digest is None:
            why = "is in the manifest and not there" if content is None else "is not in the manifest"
            found.append(_of("bundle.files", why, "files", path))
        elif digest_of(content) != digest:
            found.append(_of("bundle.files", "is not what the manifest says", "files", path))
        if any("/".join(path.split("/")[:depth]) in manifest.files for depth in range(1, path.count("/") + 1)):
            found.append(_of("bundle.path", "lies in a folder that is a file", "files", path))
    if manifest.entry not in manifest.files:
        found.append(_of("bundle.files", "is not among its files", "manifest", "entry"))
    return found


def _faults_with_plan(manifest: Manifest, plan: Plan) -> list[Fault]:
    """It was signed for that plan, and has what that calls and nothing else."""
    found = []
    if manifest.plan_sha256 != plan.sha256():
        said = f"it is signed for the plan {manifest.plan_sha256[:12]}, and this is {plan.sha256()[:12]}"
        remedy = "Sign it for this plan, by the same release of apibench as the controller's."
        found.append(_of("bundle.plan", said, "manifest", "plan_sha256", remedy=remedy))
    called = python_functions(plan)
    for function in dict.fromkeys((*called, *manifest.functions)):
        if function not in manifest.functions:
            found.append(_of("bundle.functions", f"`{function}` is called, and not in it", "manifest", "functions"))
        elif function not in called:
            found.append(_of("bundle.functions", "the plan does not call it", "manifest", "functions", function))
    return found


def _of(code: str, message: str, *path: str, remedy: str = _MAKE_ANEW) -> Fault:
    whole: tuple[Any, ...] = ("bundle", *path)
    return Fault(code, place_text(whole), message, remedy, path=whole)


def _too_large() -> Fault:
    most = f"{MAX_CODE_BYTES >> 20} MiB"
    return Fault("bundle.large", "bundle", f"is larger than {most} of code", "Install what is large on the workers.")
