"""Bundles of code: one form each, bounded, and only that plan's for which they were signed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.bundles import FILES, bundle_of, calling

from apibench.model.bundle import (
    MAX_BUNDLE_BYTES,
    MAX_CODE_BYTES,
    MAX_FILES,
    Bundle,
    bundle_faults,
    path_fault,
    read_bundle,
    validated_bundle,
)
from apibench.model.errors import BundleUnusable
from apibench.wire.signing_keys import SigningKey

KEY = SigningKey.new()
PLAN = calling("sign", "tax")
GOOD = bundle_of(PLAN, KEY)
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
NAMES = st.from_regex(r"([a-zé_][a-z0-9é_ -]{0,8}[a-z0-9]/){0,3}[a-z_][a-z0-9_]{0,8}\.py", fullmatch=True)


def changed(**words: Any) -> dict[str, Any]:
    return GOOD.model_dump(mode="json") | words


@given(files=st.dictionaries(NAMES, TEXTS, min_size=1, max_size=6), order=st.randoms(use_true_random=False))
def test_equal_files_are_equal_bundles_in_whatever_order_they_were_found(files: dict[str, str], order: Any) -> None:
    names = list(files)
    order.shuffle(names)
    entry = min(files)
    one = bundle_of(PLAN, KEY, files, entry=entry)
    other = bundle_of(PLAN, KEY, {name: files[name] for name in names}, entry=entry)
    assert (one.canonical(), one.sha256()) == (other.canonical(), other.sha256())
    assert read_bundle(one.canonical()) == one


def test_a_bundle_of_good_form_is_its_plan_s() -> None:
    assert bundle_faults(GOOD, PLAN) == []


@pytest.mark.parametrize(
    "path",
    [
        *("../up.py", "a/../../up.py", "/etc/cron.py", "a//b.py", "./a.py", ".hidden.py", "a/.ssh/b.py", "..py"),
        *("a\\..\\b.py", "a\n.py", "\u202eyp.py", "a.py ", " a.py", "a /b.py", "a\0.py", "~/.py"),
        *("key.pem", "users.csv", ".env", "a.pyc", "a.so", "a.PY", "", "a.py/"),
        *("x" * 98 + ".py", "a/" * 10 + "b.py", "é" * 50 + ".py"),
    ],
)
def test_no_name_leads_anywhere_but_down_to_python(path: str) -> None:
    assert path_fault(path)
    document = changed(files={path: ""})
    document["manifest"] = document["manifest"] | {"files": {path: "0" * 64}, "entry": path}
    bundle, faults = validated_bundle(document)
    assert bundle is None
    assert {fault.place for fault in faults} >= {"bundle.manifest.entry"}


@given(path=st.text(max_size=40))
def test_a_name_that_passes_stays_below_its_folder(path: str) -> None:
    if path_fault(path) == "":
        assert not path.startswith("/")
        assert all(part not in ("", ".", "..") for part in path.split("/"))
        assert "\0" not in path


@pytest.mark.parametrize(
    ("words", "place"),
    [
        ({"files": {}}, "bundle.files"),
        ({"signature": "short"}, "bundle.signature"),
        ({"signed_by": "A" * 44}, "bundle.signed_by"),
        ({"more": 1}, "bundle.more"),
        ({"manifest": None}, "bundle.manifest"),
        ({"files": {"shopper.py": "a\0b"}}, 'bundle.files["shopper.py"]'),
        ({"files": {"shopper.py": 7}}, 'bundle.files["shopper.py"]'),
        ({"files": {"shopper.py": "\ud800"}}, "bundle"),
        ({"files": {f"f{number}.py": "" for number in range(MAX_FILES + 1)}}, "bundle.files"),
        ({"files": {"shopper.py": "x" * MAX_BUNDLE_BYTES}}, "bundle"),
    ],
)
def test_what_has_another_form_is_refused_with_its_place(words: dict[str, Any], place: str) -> None:
    bundle, faults = validated_bundle(changed(**words))
    assert bundle is None
    assert place in {fault.place for fault in faults}
    assert all(fault.message and fault.remedy for fault in faults)


@pytest.mark.parametrize("document", [None, 7, "bundle", [], {}])
def test_what_is_no_bundle_at_all_is_refused(document: Any) -> None:
    assert validated_bundle(document)[0] is None


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, "x" * (MAX_BUNDLE_BYTES + 1), "\ud800", "null"])
def test_a_text_that_is_no_bundle_is_refused(text: str) -> None:
    with pytest.raises(BundleUnusable):
        read_bundle(text)


def with_manifest(**words: Any) -> dict[str, Any]:
    return changed(manifest=GOOD.manifest.model_dump(mode="json") | words)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (changed(files=FILES | {"shopper.py": "def sign(order): pass\n"}), "is not what the manifest says"),
        (changed(files=FILES | {"more.py": ""}), "is not in the manifest"),
        (changed(files={"shopper.py": FILES["shopper.py"]}), "is in the manifest and not there"),
        (with_manifest(entry="other.py"), "is not among its files"),
        (with_manifest(plan_sha256="0" * 64), "it is signed for the plan 000000000000"),
        (with_manifest(functions={"sign": {"name": "sign"}}), "`tax` is called, and not in it"),
        (
            with_manifest(functions=GOOD.manifest.model_dump(mode="json")["functions"] | {"run": {"name": "run"}}),
            "the plan does not call it",
        ),
    ],
)
def test_what_does_not_fit_together_is_told(document: dict[str, Any], says: str) -> None:
    bundle = Bundle.model_validate(document)
    assert [fault.message for fault in bundle_faults(bundle, PLAN) if says in fault.message]


def test_all_of_it_is_told_at_once() -> None:
    document = with_manifest(plan_sha256="0" * 64, functions={"run": {"name": "run"}}, entry="no.py")
    bundle = Bundle.model_validate(document | {"files": {"shopper.py": ""}})
    places = [fault.place for fault in bundle_faults(bundle, PLAN)]
    assert places == [
        'bundle.files["pricing/tax.py"]',
        'bundle.files["shopper.py"]',
        "bundle.manifest.entry",
        "bundle.manifest.plan_sha256",
        "bundle.manifest.functions",
        "bundle.manifest.functions",
        "bundle.manifest.functions.run",
    ]


def test_a_file_can_t_be_a_folder_too() -> None:
    files = {"shopper.py": "", "a.py": "", "a.py/b.py": ""}
    found = bundle_faults(bundle_of(PLAN, KEY, files), PLAN)
    assert [fault.message for fault in found] == ["lies in a folder that is a file"]


def test_more_code_than_a_message_holds_is_refused() -> None:
    half = "x" * (MAX_CODE_BYTES // 2 + 1)
    found = bundle_faults(bundle_of(PLAN, KEY, {"shopper.py": half, "more.py": half}), PLAN)
    assert [fault.message for fault in found] == ["is larger than 2 MiB of code"]


def test_the_name_covers_all_of_it() -> None:
    names = {GOOD.sha256(), bundle_of(PLAN, SigningKey.new()).sha256(), bundle_of(calling("sign"), KEY).sha256()}
    assert len(names) == 3
    assert json.loads(GOOD.canonical())["manifest"]["plan_sha256"] == PLAN.sha256()
