"""Files of keys: made once, and of no use where others have a hand in them."""

import os
from pathlib import Path

import pytest

from apibench.assembly.key_files import MAX_BYTES, keys_trusted_by, make_keys, signing_key
from apibench.model.errors import KeysUnusable
from apibench.wire.signing_keys import SigningKey


def test_a_key_is_its_owner_s_alone_and_its_public_half_everybody_s(tmp_path: Path) -> None:
    pair = make_keys(tmp_path / "new" / "signing.key", "ann")
    assert (pair.made, pair.public_made) == (True, True)
    assert oct((tmp_path / "new").stat().st_mode)[-3:] == "700"
    assert oct((tmp_path / "new/signing.key").stat().st_mode)[-3:] == "600"
    assert (tmp_path / "new/signing.key.pub").read_text() == f"{pair.key.public.line} ann\n"
    assert signing_key(tmp_path / "new/signing.key").public == pair.key.public
    assert keys_trusted_by(tmp_path / "new/signing.key.pub") == (pair.key.public,)


def test_what_is_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    first = make_keys(path, "ann")
    before = [each.read_bytes() for each in sorted(tmp_path.iterdir())]
    again = make_keys(path, "bob")
    assert (again.made, again.public_made, again.key.public) == (False, False, first.key.public)
    assert [each.read_bytes() for each in sorted(tmp_path.iterdir())] == before
    (tmp_path / "signing.key.pub").unlink()
    assert make_keys(path, "bob").public_made


@pytest.mark.parametrize("content", ["", "something else\n"])
def test_no_file_of_somebody_else_is_written_over(tmp_path: Path, content: str) -> None:
    (tmp_path / "a.key").write_text(content)
    (tmp_path / "a.key").chmod(0o600)
    (tmp_path / "b.key.pub").write_text(content or f"{SigningKey.new().public.line}\n")
    for name in ("a.key", "b.key"):
        with pytest.raises(KeysUnusable):
            make_keys(tmp_path / name, "ann")
    assert (tmp_path / "a.key").read_text() == content
    assert not (tmp_path / "b.key").exists()


@pytest.mark.parametrize("rights", [0o640, 0o604, 0o620, 0o644])
def test_a_key_that_others_may_read_or_change_is_refused(tmp_path: Path, rights: int) -> None:
    make_keys(tmp_path / "k", "ann")
    (tmp_path / "k").chmod(rights)
    with pytest.raises(KeysUnusable, match="others may read the key"):
        signing_key(tmp_path / "k")


@pytest.mark.parametrize(("rights", "holds"), [(0o644, True), (0o444, True), (0o664, False), (0o646, False)])
def test_trusted_keys_that_others_may_change_are_refused(tmp_path: Path, rights: int, holds: bool) -> None:  # noqa: FBT001
    make_keys(tmp_path / "k", "ann")
    (tmp_path / "k.pub").chmod(rights)
    if holds:
        assert keys_trusted_by(tmp_path / "k.pub")
    else:
        with pytest.raises(KeysUnusable, match="others may change"):
            keys_trusted_by(tmp_path / "k.pub")


def test_what_is_no_file_of_keys_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("# nobody yet\n")
    (tmp_path / "large").write_text("#" * (MAX_BYTES + 1))
    (tmp_path / "latin").write_bytes(b"ssh-ed25519 \xe9\n")
    os.mkfifo(tmp_path / "pipe")
    for name, says in (
        ("empty", "has no key"),
        ("large", "is larger than"),
        ("latin", "is not UTF-8"),
        ("pipe", "is no file"),
        ("none", "no such file"),
        (".", "is a directory"),
    ):
        with pytest.raises(KeysUnusable, match=says):
            keys_trusted_by(tmp_path / name)
