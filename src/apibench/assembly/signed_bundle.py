"""The code that a plan has called, signed by whoever starts a run on an installation."""

import sys
from collections.abc import Mapping
from pathlib import Path

from apibench import __version__
from apibench.authoring.bundled_files import bundled_files
from apibench.model.bundle import Bundle, BundledFunction, Manifest, digest_of
from apibench.model.callee import Callee
from apibench.model.errors import UsageError
from apibench.model.plan import Plan
from apibench.model.python_steps import python_functions, refuse_python


def signed_bundle(plan: Plan, callees: Mapping[str, Callee], scenario: Path | None, key_file: Path | None) -> Bundle:
    """
    The bundle of a plan that has functions of Python called.

    Args:
        plan: as it is sent.
        callees: where its functions are found here.
        scenario: the file in which it was written, and which has been loaded.
        key_file: of the key that signs; None for nobody's.

    Raises:
        PlanInvalid: nobody signs, or a plan's file leads to no code.
        KeysUnusable: the key can't be used.
        BundleUnusable: with all files that can't be sent.
        UsageError: the library that signs is not installed.
    """
    functions = python_functions(plan)
    if scenario is None or any(function not in callees for function in functions):
        refuse_python(plan, "is Python, and only a scenario in Python can have that called", "Run the .py file itself.")
    if key_file is None:
        remedy = "Sign it: --sign-with KEYFILE, which `apibench keys` makes; or leave --controller out."
        refuse_python(plan, "is Python, and workers call only what somebody has signed", remedy)
    assert scenario is not None  # noqa: S101 - refused above, as is the key's
    assert key_file is not None  # noqa: S101
    try:
        from apibench.assembly.key_files import signing_key  # noqa: PLC0415 - an extra: who has no services need not
    except ModuleNotFoundError as error:
        raise UsageError(
            "--sign-with needs the library `cryptography`, which is not installed",
            "Do: pip install 'api-benchmark[server]'.",
        ) from error
    key = signing_key(key_file)
    entry, files = bundled_files(scenario, sys.modules)
    manifest = Manifest(
        version=1,
        plan_sha256=plan.sha256(),
        entry=entry,
        functions={name: _place(callees[name]) for name in functions},
        files={name: digest_of(text) for name, text in files.items()},
        python=f"{sys.version_info.major}.{sys.version_info.minor}",
        apibench=__version__,
    )
    return key.sign(manifest, files)


def _place(callee: Callee) -> BundledFunction:
    return BundledFunction(module=None if callee.file is not None else callee.module, name=callee.name)
