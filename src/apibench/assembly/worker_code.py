"""
What runs code of others on a worker: where its operator trusts whoever has signed it, and nothing else.

It runs as the worker's user, in processes of its own that begin in a folder of their own and know nothing of the
worker's environment: no token, no secret, no password of a store (`closed_process` keeps them from looking).
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from apibench import __version__
from apibench.assembly import unpacked_bundle
from apibench.assembly.key_files import keys_trusted_by
from apibench.assembly.python_pool import PythonPool
from apibench.engine.seam import PythonProcess, RunningLoad
from apibench.model.bundle import Bundle, BundledFunction, bundle_faults, read_bundle
from apibench.model.callee import Callee
from apibench.model.control import Prepare
from apibench.model.errand import NOTHING_SHARED, secret_values
from apibench.model.errors import ApibenchError, BundleUnusable, CodeRefused, PythonUnusable
from apibench.model.fault import Fault
from apibench.model.log_fields import about
from apibench.model.plan import Plan
from apibench.model.python_options import PythonOptions
from apibench.model.python_place import PythonPlace
from apibench.model.python_steps import python_steps
from apibench.model.step import PythonUser
from apibench.report.unshown import Unshown
from apibench.wire.signing_keys import PublicKey, check_signature

logger = logging.getLogger(__name__)
KEPT = ("PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR")
KEPT_BEGIN = "LC_"
"""What processes are told of the environment: how programs and libraries are found, and how people write."""
_ENTRY = "apibench_scenarios"
"""A module that nobody imports: the scenario's own file, loaded by its place."""


class TrustedCode:
    """A CodeHost for bundles that one of the trusted keys has signed."""

    def __init__(self, keys: Path, options: PythonOptions, folder: Path, unshown: Unshown) -> None:
        """
        Args:
            keys: file of the public keys that are trusted. Read anew for each run: to take one out is enough.
            options: how functions are called.
            folder: in which each run has one of its own; what an earlier process has left there is removed.
            unshown: the secrets that this worker knows of.

        Raises KeysUnusable.
        """
        self._keys = keys
        self._options = options
        self._folder = folder
        self._unshown = unshown
        keys_trusted_by(keys)
        unpacked_bundle.remove_left_behind(folder)
        # Processes have the niceness of the thread that starts them, and go first as the load does: so it is made
        # before any load, to which all others give way.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="python")
        self._starter.submit(os.getpid).result()

    def check(self, asked: Prepare, plan: Plan) -> None:
        """Look whether what a plan has called may be run here."""
        self._checked(asked, plan)

    def begin(
        self,
        asked: Prepare,
        plan: Plan,
        functions: Sequence[str],
        threads: int,
        is_given_up: Callable[[], bool],
    ) -> "TrustedCalls":
        """Check it once more, write it down, and start the processes."""
        bundle, signer = self._checked(asked, plan)
        whose = about(asked.run_id, segment=asked.segment)
        logger.info("the code %s is signed by %s", bundle.sha256()[:12], signer.fingerprint, extra=whose)
        for secret in secret_values(json.loads(asked.shared) if asked.shared else NOTHING_SHARED):
            self._unshown.add(secret)
        folder = unpacked_bundle.new_folder(self._folder)
        try:
            unpacked_bundle.unpack(bundle, folder)
            callees = [(name, _callee(bundle.manifest.functions[name], bundle, folder)) for name in functions]
            place = PythonPlace(folder, environment(os.environ, folder))
            pool = PythonPool(callees, threads, self._options, is_given_up, place)
            self._starter.submit(pool.__enter__).result()
        except PythonUnusable as error:
            unpacked_bundle.remove(folder)
            raise PythonUnusable(f"{error.message}{_made_with(bundle)}", error.hint) from error
        except BaseException:
            unpacked_bundle.remove(folder)
            raise
        return TrustedCalls(pool, folder, whose, self._unshown.text)

    def _checked(self, asked: Prepare, plan: Plan) -> tuple[Bundle, PublicKey]:
        if not asked.bundle:
            raise BundleUnusable(
                [Fault("bundle.missing", "bundle", "is not there", "Sign the code: --sign-with KEYFILE.")]
            )
        bundle = read_bundle(asked.bundle)
        signer = check_signature(bundle)
        if signer not in keys_trusted_by(self._keys):
            raise CodeRefused(
                f"this worker does not trust the key {signer.fingerprint}, which has signed the plan's code",
                f"Sign with one that it trusts; or its operator can add that one to {self._keys.name}.",
            )
        faults = [*bundle_faults(bundle, plan), *_of_another_release(bundle, plan)]
        if faults:
            raise BundleUnusable(faults)
        return bundle, signer


class TrustedCalls:
    """The processes of one segment, and their folder."""

    def __init__(self, pool: PythonPool, folder: Path, whose: Mapping[str, Any], shown: Callable[[str], str]) -> None:
        """`whose`: fields of its lines in the log."""
        self._pool = pool
        self._folder = folder
        self._whose = whose
        self._shown = shown

    def streams(self) -> Sequence[PythonProcess]:
        """What its load is begun with."""
        return self._pool.streams()

    def watch(self, load: RunningLoad) -> None:
        """The load has begun."""
        self._pool.watch(load)

    def close(self, load: RunningLoad | None) -> None:
        """End the processes, say why calls have failed, and remove the folder."""
        try:
            if load is not None:
                self._say_what_became_of(load)
        finally:
            self._pool.__exit__(None, None, None)
            unpacked_bundle.remove(self._folder)

    def _say_what_became_of(self, load: RunningLoad) -> None:
        try:
            end = self._pool.end_of(load, self._shown)
        except ApibenchError as error:
            logger.warning("what became of its calls of Python is not known: %s", error, extra=self._whose)
            return
        for failure in end.failures:
            words = failure.count, failure.function, failure.reason
            logger.warning("%d calls of `%s` failed: %s", *words, extra=self._whose)
        for why, count in end.replaced.items():
            logger.warning("%d processes of Python were replaced: %s", count, why, extra=self._whose)


def environment(whole: Mapping[str, str], folder: Path) -> dict[str, str]:
    """What processes may know of a worker's environment; what they write down lies in their folder."""
    kept = {name: value for name, value in whole.items() if name in KEPT or name.startswith(KEPT_BEGIN)}
    return {**kept, "HOME": str(folder), "TMPDIR": str(folder)}


def _of_another_release(bundle: Bundle, plan: Plan) -> list[Fault]:
    """Requests of users in Python have numbers by their text, which another release may read otherwise."""
    made = bundle.manifest.apibench
    if made == __version__ or not any(isinstance(step, PythonUser) for _, step in python_steps(plan)):
        return []
    message = f"users in Python were read by apibench {made}, and this worker is {__version__}"
    return [Fault("bundle.release", "bundle.manifest.apibench", message, "Use the worker's release.")]


def _made_with(bundle: Bundle) -> str:
    own, made = f"{sys.version_info.major}.{sys.version_info.minor}", bundle.manifest.python
    return "" if made == own else f" (it was made with Python {made}, and this is {own})"


def _callee(function: BundledFunction, bundle: Bundle, folder: Path) -> Callee:
    if function.module is None:
        return Callee(_ENTRY, str(folder / bundle.manifest.entry), function.name, (str(folder),))
    return Callee(function.module, None, function.name, (str(folder),))
