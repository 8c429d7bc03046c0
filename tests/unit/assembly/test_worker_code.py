"""A worker and the code of others: what it takes to be run, where it is run, and what is left of it."""

import json
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from tests.unit.model.bundles import FILES, FUNCTIONS, bundle_of, calling, plan_document

from apibench import __version__
from apibench.assembly import worker_code
from apibench.assembly.unpacked_bundle import new_folder, unpack
from apibench.assembly.worker_code import TrustedCalls, TrustedCode, environment
from apibench.engine.seam import RunningLoad
from apibench.model.control import Prepare
from apibench.model.errors import BundleUnusable, CodeRefused, KeysUnusable, PythonUnusable, StoreFailed
from apibench.model.plan import Plan
from apibench.model.python_options import PythonOptions
from apibench.model.share import WHOLE
from apibench.model.validation import parse_plan
from apibench.report.unshown import Unshown
from apibench.wire.signing_keys import SigningKey
from apibench.worker.code import NoCode

KEY = SigningKey.new()
PLAN = calling("sign", "tax")
ONE = PythonOptions(processes=1)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "trusted.keys"
    path.write_text(f"# who\n{SigningKey.new().public.line}\n{KEY.public.line} ann\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def code(keys: Path, tmp_path: Path) -> TrustedCode:
    return TrustedCode(keys, ONE, tmp_path / "python", Unshown())


def asked(bundle: str, plan: Plan = PLAN) -> Prepare:
    return Prepare("r", 0, plan.canonical().decode(), plan.sha256(), "", WHOLE, bundle=bundle)


def begun(code: TrustedCode, files: dict[str, str], functions: Sequence[str] = ("sign", "tax")) -> TrustedCalls:
    bundle = bundle_of(PLAN, KEY, files).canonical()
    return code.begin(asked(bundle), PLAN, functions, 1, lambda: False)


def left(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "python").glob("*")) if (tmp_path / "python").exists() else []


def called(calls: TrustedCalls, number: int, *arguments: Any) -> Any:
    """What a function says by the stream of the only process: the descriptor is its own copy."""
    ((descriptor,),) = [process.streams for process in calls.streams()]
    with socket.socket(fileno=os.dup(descriptor)) as stream:
        stream.setblocking(True)  # noqa: FBT003 - its only parameter
        frame = json.dumps([[number, arguments]]).encode()
        stream.sendall(len(frame).to_bytes(4, "little") + frame)
        size = int.from_bytes(stream.recv(4, socket.MSG_WAITALL), "little")
        ((_, *answer),) = json.loads(stream.recv(size, socket.MSG_WAITALL))
    return answer


# What may be run.


def test_unless_its_operator_names_keys_a_worker_runs_nothing() -> None:
    bundle = bundle_of(PLAN, KEY).canonical()
    for attempt in (
        lambda: NoCode().check(asked(bundle), PLAN),
        lambda: NoCode().begin(asked(bundle), PLAN, ("sign",), 1, lambda: False),
    ):
        with pytest.raises(CodeRefused, match="this worker runs no code of others") as caught:
            attempt()
        assert "--python-keys" in caught.value.hint


def test_what_a_trusted_key_has_signed_passes(code: TrustedCode) -> None:
    code.check(asked(bundle_of(PLAN, KEY).canonical()), PLAN)


def test_a_stranger_s_key_is_refused_by_its_fingerprint(code: TrustedCode, tmp_path: Path) -> None:
    stranger = SigningKey.new()
    bundle = bundle_of(PLAN, stranger).canonical()
    for attempt in (code.check, lambda message, plan: code.begin(message, plan, ("sign",), 1, lambda: False)):
        with pytest.raises(CodeRefused, match=r"does not trust the key SHA256:") as caught:
            attempt(asked(bundle), PLAN)
        assert stranger.public.fingerprint in caught.value.message
    assert left(tmp_path) == []


def test_a_key_that_is_taken_out_is_trusted_no_longer_at_once(code: TrustedCode, keys: Path) -> None:
    bundle = bundle_of(PLAN, KEY).canonical()
    code.check(asked(bundle), PLAN)
    keys.write_text(f"{SigningKey.new().public.line}\n")
    with pytest.raises(CodeRefused):
        code.check(asked(bundle), PLAN)
    keys.unlink()
    with pytest.raises(KeysUnusable):
        code.check(asked(bundle), PLAN)


def tampered(**words: Any) -> str:
    return json.dumps(bundle_of(PLAN, KEY).model_dump(mode="json") | words)


@pytest.mark.parametrize(
    "bundle",
    [
        "",
        "{}",
        tampered(files=FILES | {"shopper.py": "import os"}),
        tampered(files=FILES | {"../up.py": "import os"}),
        tampered(signature="A" * 86 + "=="),
        tampered(manifest=bundle_of(calling("sign"), KEY).manifest.model_dump(mode="json")),
        bundle_of(PLAN, KEY, {"more.py": ""}).canonical(),
        bundle_of(PLAN, KEY, functions=FUNCTIONS | {"more": {"module": "os", "name": "system"}}).canonical(),
    ],
)
def test_what_is_not_what_was_signed_is_refused_before_anything_is_written(
    code: TrustedCode, tmp_path: Path, bundle: str
) -> None:
    with pytest.raises(BundleUnusable):
        code.begin(asked(bundle), PLAN, ("sign",), 1, lambda: False)
    assert left(tmp_path) == []


def test_code_that_was_signed_for_another_plan_is_not_called_by_this_one(code: TrustedCode) -> None:
    other = bundle_of(calling("sign", "tax", "sign"), KEY).canonical()
    with pytest.raises(BundleUnusable, match="it is signed for the plan"):
        code.check(asked(other), PLAN)


def test_users_in_python_that_another_release_has_read_are_not_counted_by_this_one(code: TrustedCode) -> None:
    document = plan_document()
    request = {"name": "GET /a", "method": "GET"}
    user = {"type": "python_user", "function": "sign", "host": "h", "arguments": [], "requests": [request]}
    document["scenarios"][0]["steps"] = [user]
    plan = parse_plan(document)
    functions = {"sign": {"name": "sign"}}
    code.check(asked(bundle_of(plan, KEY, functions=functions, apibench=__version__).canonical(), plan), plan)
    with pytest.raises(BundleUnusable, match=r"users in Python were read by apibench 1\.2\.3, and this worker is"):
        code.check(asked(bundle_of(plan, KEY, functions=functions).canonical(), plan), plan)


def test_keys_that_can_t_be_used_keep_a_worker_from_starting(tmp_path: Path) -> None:
    with pytest.raises(KeysUnusable):
        TrustedCode(tmp_path / "none", ONE, tmp_path / "python", Unshown())


# Where it is run.

FACTS = """\
import json, os, sys
from apibench import csv
from pricing import tax

users = csv("users.csv")

def sign():
    mode = oct(os.stat(".").st_mode)[-3:]
    return [sorted(os.environ), os.getcwd(), os.environ["HOME"], mode, oct(os.stat("shopper.py").st_mode)[-3:]]
"""


def test_it_runs_in_a_folder_of_its_own_and_knows_nothing_of_the_worker(
    code: TrustedCode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("APIBENCH_TOKEN", "APIBENCH_SECRET_SHOP", "APIBENCH_STORE", "AWS_SECRET_ACCESS_KEY", "PYTHONPATH"):
        monkeypatch.setenv(name, "hunter2")
    calls = begun(code, {"shopper.py": FACTS, "pricing/tax.py": "def of():\n    return 7\n"})
    (folder,) = left(tmp_path)
    ((known, here, home, mode, file_mode),) = called(calls, 0)
    assert set(known) <= {*worker_code.KEPT, "HOME", "TMPDIR", "LC_ALL", "LC_CTYPE"}
    assert (here, home, mode, file_mode) == (str(folder), str(folder), "700", "600")
    assert called(calls, 1) == [7]
    calls.close(None)
    assert left(tmp_path) == []


def test_its_own_modules_come_before_those_of_the_worker(
    code: TrustedCode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pricing").mkdir()
    (tmp_path / "pricing/tax.py").write_text("def of():\n    return 'unsigned'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    calls = begun(code, {"shopper.py": "def sign(): pass\n", "pricing/tax.py": "def of():\n    return 'signed'\n"})
    assert called(calls, 1) == ["signed"]
    calls.close(None)


def test_code_that_can_t_be_loaded_is_told_and_leaves_nothing(code: TrustedCode, tmp_path: Path) -> None:
    files = {"shopper.py": "import not_on_this_worker\n", "pricing/tax.py": ""}
    with pytest.raises(PythonUnusable, match="No module named 'not_on_this_worker'") as caught:
        begun(code, files)
    assert "what else it needs is to be installed" in caught.value.hint
    old = bundle_of(PLAN, KEY, files, python="3.1").canonical()
    with pytest.raises(PythonUnusable, match=r"\(it was made with Python 3\.1, and this is 3\."):
        code.begin(asked(old), PLAN, ("sign", "tax"), 1, lambda: False)
    assert left(tmp_path) == []


def test_a_load_that_is_given_up_while_its_code_is_loaded_leaves_nothing(code: TrustedCode, tmp_path: Path) -> None:
    files = {"shopper.py": "import time\ntime.sleep(50)\ndef sign(): pass\n", "pricing/tax.py": "of = str\n"}
    begun_s = time.monotonic()
    calls = code.begin(asked(bundle_of(PLAN, KEY, files).canonical()), PLAN, ("sign", "tax"), 1, lambda: True)
    calls.close(None)
    assert left(tmp_path) == []
    assert time.monotonic() < begun_s + 40


def test_what_an_earlier_process_has_left_is_removed_at_the_start(keys: Path, tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "python")
    unpack(bundle_of(PLAN, KEY), folder)
    (tmp_path / "python/mine").write_text("of somebody else")
    TrustedCode(keys, ONE, tmp_path / "python", Unshown())
    assert [path.name for path in left(tmp_path)] == ["mine"]


def test_files_are_written_only_where_nothing_is(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine")
    (tmp_path / "shopper.py").symlink_to(outside)
    with pytest.raises(StoreFailed):
        unpack(bundle_of(PLAN, KEY), tmp_path)
    assert outside.read_text() == "mine"


def test_of_the_environment_only_what_leads_to_programs_and_words_is_kept(tmp_path: Path) -> None:
    whole = {
        "PATH": "/bin",
        "LC_TIME": "C",
        "APIBENCH_TOKEN": "t",
        "HOME": "/root",
        "SSH_AUTH_SOCK": "/s",
        "LD_PRELOAD": "x",
    }
    assert environment(whole, tmp_path) == {
        "PATH": "/bin",
        "LC_TIME": "C",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
    }


# What is said of it.


class Ended:
    """A load whose calls have failed."""

    @staticmethod
    def python_account() -> tuple[Sequence[int], Sequence[tuple[int, str, int]]]:
        return (5, 7), [(0, "ValueError: no hunter2", 3)]


def test_why_calls_have_failed_is_in_the_log_without_secrets(
    keys: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = TrustedCode(keys, ONE, tmp_path / "python", Unshown(["hunter2"]))
    calls = begun(code, FILES)
    calls.close(cast("RunningLoad", Ended()))
    assert "3 calls of `sign` failed: ValueError: no [redacted]" in caplog.text
    assert "hunter2" not in caplog.text


def test_what_set_up_hands_over_under_a_secret_s_name_is_one(
    keys: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = TrustedCode(keys, ONE, tmp_path / "python", Unshown())
    bundle = bundle_of(PLAN, KEY).canonical()
    message = Prepare(
        "r", 0, PLAN.canonical().decode(), PLAN.sha256(), "", WHOLE, bundle=bundle, shared='{"token": "\\"hunter2\\""}'
    )
    code.begin(message, PLAN, ("sign",), 1, lambda: False).close(cast("RunningLoad", Ended()))
    assert "hunter2" not in caplog.text
