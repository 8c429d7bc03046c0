"""Keys and signatures: of one manifest and nothing else, and no byte of a bundle can be another."""

import base64
import contextlib
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.model.bundles import bundle_of, calling, manifest_of

from apibench.model.bundle import bundle_faults, read_bundle
from apibench.model.errors import BundleUnusable, KeysUnusable
from apibench.wire.signing_keys import PublicKey, SigningKey, check_signature, trusted_keys

KEY, OTHER = SigningKey.new(), SigningKey.new()
PLAN = calling("sign", "tax")
GOOD = bundle_of(PLAN, KEY)
TEXT = GOOD.canonical()


def holds(text: str) -> bool:
    """Whether a worker that trusts KEY would run it for PLAN."""
    try:
        bundle = read_bundle(text)
        return check_signature(bundle) == KEY.public and not bundle_faults(bundle, PLAN)
    except BundleUnusable:
        return False


def test_a_signature_tells_whose_it_is() -> None:
    assert check_signature(GOOD) == KEY.public != OTHER.public
    assert holds(TEXT)


@given(at=st.integers(0, len(TEXT.encode()) - 1), bit=st.integers(0, 7))
def test_no_bit_of_a_bundle_can_be_another(at: int, bit: int) -> None:
    data = bytearray(TEXT.encode())
    data[at] ^= 1 << bit
    assert not holds(data.decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("name", ["signed_by", "signature"])
def test_the_spare_bits_of_base64_hold_nothing(name: str) -> None:
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    text = getattr(GOOD, name)
    letters = text.rstrip("=")
    other = letters[:-1] + digits[digits.index(letters[-1]) + 1] + text[len(letters) :]
    assert base64.b64decode(other) == base64.b64decode(text)
    with pytest.raises(BundleUnusable):
        check_signature(GOOD.model_copy(update={name: other}))


def test_a_signature_is_of_no_other_manifest() -> None:
    for other in (manifest_of(calling("sign"), functions={"sign": {"name": "sign"}}), manifest_of(PLAN, python="3.12")):
        with pytest.raises(BundleUnusable, match="is not of that key, or the manifest was changed"):
            check_signature(GOOD.model_copy(update={"manifest": other}))


def test_what_was_signed_for_another_purpose_is_no_signature() -> None:
    bare = base64.b64encode(KEY.key.sign(GOOD.manifest.canonical())).decode()
    with pytest.raises(BundleUnusable):
        check_signature(GOOD.model_copy(update={"signature": bare}))


def test_another_key_s_name_makes_a_signature_nobody_s() -> None:
    with pytest.raises(BundleUnusable):
        check_signature(GOOD.model_copy(update={"signed_by": base64.b64encode(OTHER.public.raw).decode()}))


def test_a_key_comes_back_as_it_was_written_down() -> None:
    assert SigningKey.of_pem(KEY.pem).public == KEY.public
    assert trusted_keys([f"{KEY.public.line} ann@laptop"]) == (KEY.public,)


def test_a_key_is_not_shown() -> None:
    assert KEY.pem.splitlines()[1].decode() not in repr(KEY)


def test_openssh_reads_the_public_half_and_has_the_same_fingerprint(tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_text(f"{KEY.public.line} ann\n")
    try:
        shown = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key.pub"], capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip("there is no OpenSSH here")
    assert shown.stdout.split()[1] == KEY.public.fingerprint


def test_lines_that_are_empty_or_begin_with_a_hash_are_no_keys() -> None:
    lines = ["", "# whose", f"  {KEY.public.line} ann  ", "\t", f"{OTHER.public.line}"]
    assert trusted_keys(lines) == (KEY.public, OTHER.public)


@pytest.mark.parametrize(
    "line",
    [
        "hello",
        "ssh-ed25519",
        "ssh-ed25519 AAAA",
        f"no-pty {KEY.public.line}",
        KEY.public.line[:-3],
        "x" * 5_000,
        ec.generate_private_key(ec.SECP256R1())
        .public_key()
        .public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        .decode(),
    ],
    ids=["word", "kind", "short", "options", "cut", "long", "curve"],  # keys are others in each process
)
def test_a_line_that_is_no_key_is_refused_by_its_number(line: str) -> None:
    with pytest.raises(KeysUnusable, match="line 2 is no public key of Ed25519"):
        trusted_keys([KEY.public.line, line])


@given(line=st.text(max_size=80))
def test_no_line_at_all_breaks_the_reader(line: str) -> None:
    with contextlib.suppress(KeysUnusable):
        assert trusted_keys([line]) == ()


def pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, password: bytes = b"") -> bytes:
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no private key in PEM"),
        (KEY.public.line.encode(), "no private key in PEM"),
        (KEY.pem[:-40], "no private key in PEM"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "of another kind than Ed25519"),
        (pem(KEY.key, b"correct horse"), "that has no password"),
    ],
    ids=["empty", "public", "cut", "curve", "locked"],
)
def test_what_is_no_signing_key_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(KeysUnusable, match=says):
        SigningKey.of_pem(content)


def test_a_public_key_of_nonsense_signs_nothing() -> None:
    zero = PublicKey(bytes(32))
    with pytest.raises(BundleUnusable):
        check_signature(GOOD.model_copy(update={"signed_by": base64.b64encode(zero.raw).decode()}))
