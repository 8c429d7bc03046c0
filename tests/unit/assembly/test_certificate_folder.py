"""The folder of `apibench certs`: what is made, what stays, and what is refused before anything is written."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest

from apibench.assembly import certificate_folder as kept
from apibench.model.errors import CertificatesUnusable, UsageError
from apibench.wire.certificates import Credential, new_authority, new_credential, now_utc

FILES = sorted(f"{name}.{kind}" for name in (kept.CA, *kept.SERVICES) for kind in ("key", "pem"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which all of them are."""
    make(tmp_path / "certs")
    return tmp_path / "certs"


def make(folder: Path, *hosts: str, days: int = 30, renew: bool = False) -> dict[str, bool]:
    """Which were made."""
    return {each.name: each.made for each in kept.make_certificates(folder, hosts, days=days, renew=renew)}


def content(folder: Path) -> dict[str, bytes]:
    """Of all files."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def credential(folder: Path, name: str) -> Credential:
    """One of the folder."""
    return Credential.of_pem((folder / f"{name}.pem").read_bytes(), (folder / f"{name}.key").read_bytes())


def write(folder: Path, name: str, made: Credential) -> None:
    """Put another one there."""
    (folder / f"{name}.pem").write_bytes(made.certificate_pem)
    (folder / f"{name}.key").write_bytes(made.key_pem)


def test_all_are_there_and_keys_are_nobody_else_s(folder: Path) -> None:
    assert sorted(content(folder)) == FILES
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.key")} == {0o600}
    authority = credential(folder, kept.CA)
    assert all(authority.signed(credential(folder, name)) for name in kept.SERVICES)


def test_a_second_time_makes_what_is_missing_for_the_hosts_of_the_others(folder: Path) -> None:
    make(folder, "controller.example", renew=True)
    (folder / "worker.pem").unlink()
    (folder / "worker.key").unlink()
    before = content(folder)
    assert make(folder) == {"ca": False, "controller": False, "aggregator": False, "worker": True}
    assert {name: content(folder)[name] for name in before} == before
    assert credential(folder, "worker").covers("controller.example")
    assert make(folder) == dict.fromkeys((kept.CA, *kept.SERVICES), False)


def test_renewed_are_the_services_by_the_same_ca_and_for_the_same_hosts(folder: Path) -> None:
    make(folder, "10.0.0.7", renew=True)
    ca, old = credential(folder, kept.CA), credential(folder, "worker")
    assert make(folder, "10.0.0.8", days=60, renew=True)["ca"] is False
    new = credential(folder, "worker")
    assert credential(folder, kept.CA).certificate == ca.certificate
    assert ca.signed(new)
    assert new.ends > old.ends
    assert (old.hosts, sorted(new.hosts)) == (["10.0.0.7"], ["10.0.0.7", "10.0.0.8"])
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.key")} == {0o600}


def test_what_does_not_do_is_refused_and_nothing_is_written(folder: Path) -> None:
    now, ca = now_utc(), credential(folder, kept.CA)
    expired = new_credential(ca, "worker", [], now - timedelta(days=9), 5)
    of_another = new_credential(new_authority(now, 9), "worker", [], now, 5)
    for made, says in ((expired, "expired on"), (of_another, "another CA")):
        write(folder, "worker", made)
        refused(folder, says)
        assert make(folder, renew=True)["worker"]
    (folder / "worker.pem").write_bytes(b"half of it")
    refused(folder, r"worker\.pem: it is no certificate")
    (folder / "worker.pem").unlink()
    refused(folder, r"worker\.key and no worker\.pem")
    assert make(folder, renew=True)["worker"]
    refused(folder, "not for 10.0.0.9", "10.0.0.9")


def test_a_ca_that_does_not_do_is_never_replaced(folder: Path) -> None:
    (folder / "ca.key").unlink()
    refused(folder, r"ca\.pem and no ca\.key")
    refused(folder, r"ca\.pem and no ca\.key", renew=True)
    write(folder, kept.CA, new_authority(now_utc() - timedelta(days=9), 5))
    refused(folder, r"ca\.pem: the certificate expired", renew=True)


def refused(folder: Path, says: str, *hosts: str, renew: bool = False) -> None:
    """It is, and the folder stays as it was."""
    before = content(folder)
    with pytest.raises(CertificatesUnusable, match=says):
        make(folder, *hosts, renew=renew)
    assert content(folder) == before


def test_what_is_no_host_and_what_is_no_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no name or address"):
        make(tmp_path / "certs", "host:80")
    assert not (tmp_path / "certs").exists()
    (tmp_path / "file").touch()
    with pytest.raises(CertificatesUnusable, match="file exists"):
        make(tmp_path / "file")


def test_this_machine_is_dialled_on_loopback_and_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "box")
    assert kept.own_hosts() == ("localhost", "127.0.0.1", "::1", "box")
    monkeypatch.setattr("socket.gethostname", lambda: "no_name_at_all")
    assert kept.own_hosts() == ("localhost", "127.0.0.1", "::1")
