"""The file system of the images: what is in it, and that the services run out of it."""

import json
import os
import re
import stat
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.distributed.processes import Processes, open_plan
from tests.image.container import DATA, PYTHON, USER, in_container

from apibench import __version__
from apibench.engine.echo_server import EchoServer

TOP = Path(__file__).parents[2]
FILES = TOP / "deploy" / "image"
MAX_BYTES = 260 << 20
_SYSTEM = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
_CAN_BE_MADE = (_SYSTEM["ID"], _SYSTEM.get("VERSION_ID")) == ("debian", '"12"') and os.geteuid() == 0
pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(not _CAN_BE_MADE, reason="NOT TESTED: images are made on Debian 12, by root"),
]


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made once, of the wheel of these sources."""
    folder = tmp_path_factory.mktemp("image")
    # Whoever runs in it has no name, and has to come by the folders that lead to it.
    for each in (folder, folder.parent, folder.parent.parent):
        each.chmod(0o755)
    wheels, made = folder / "wheels", folder / "filesystem"
    build = ["build", "--release", "--locked", "--out", str(wheels)]
    subprocess.run([sys.executable, "-m", "maturin", *build], cwd=TOP, check=True, capture_output=True)
    (wheel,) = wheels.glob("*.whl")
    done = subprocess.run([FILES / "filesystem.sh", made, wheel], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return made


def files_of(root: Path) -> Iterator[Path]:
    """All plain files."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if path.is_file() and not path.is_symlink():
                yield path


def is_program(path: Path) -> bool:
    """Whether it is machine code."""
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def test_all_that_programs_are_linked_against_is_there(root: Path) -> None:
    programs = [path for path in files_of(root) if is_program(path)]
    names = {path.name for path in root.rglob("*.so*")}
    missing = set()
    for program in programs:
        said = subprocess.run(["readelf", "-d", program], capture_output=True, text=True, check=True).stdout
        needed = re.findall(r"\(NEEDED\).*\[(.+)\]", said)
        missing |= {(program.name, each) for each in needed if each not in names}
    assert len(programs) > 50
    assert not missing


def test_nothing_is_there_that_an_intruder_could_use(root: Path) -> None:
    programs = [path.name for path in files_of(root) if is_program(path) and os.access(path, os.X_OK)]
    commands = {name for name in programs if ".so" not in name}
    assert commands == {"python3.11"}
    for path in root.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            continue
        assert not mode & (stat.S_ISUID | stat.S_ISGID), path
        assert not mode & stat.S_IWOTH or path == root / "tmp", path
        assert path.stat().st_uid == 0 or path == root / DATA.lstrip("/"), path


def test_it_is_small_and_its_bill_of_materials_names_all_of_it(root: Path) -> None:
    size = sum(path.stat().st_size for path in files_of(root))
    assert size < MAX_BYTES
    bill = json.loads((root / "usr/share/apibench.cdx.json").read_text())
    ours = bill["metadata"]["component"]
    assert (bill["bomFormat"], ours["name"], ours["version"]) == ("CycloneDX", "api-benchmark", __version__)
    # Debian and Python may each have something of one name.
    told = [(each["name"].lower().replace("_", "-").replace(".", "-"), each["version"]) for each in bill["components"]]
    constraints = [line for line in (FILES / "constraints.txt").read_text().splitlines() if "==" in line]
    assert {(name, version) for name, _, version in (line.partition("==") for line in constraints)} <= set(told)
    distributions = list((root / "usr/local/lib/python3.11/dist-packages").glob("*.dist-info"))
    assert len(distributions) == len(constraints) + 1
    assert {"libc6", "libssl3", "python3-11-minimal"} <= {name for name, _ in told}
    assert len(told) == len(set(told)) == len(constraints) + _packages()


def _packages() -> int:
    listed = re.search(r"^packages=\((.*?)\)", (FILES / "filesystem.sh").read_text(), re.DOTALL | re.MULTILINE)
    assert listed
    return len(listed[1].split())


def test_versions_are_those_that_the_tests_run_with() -> None:
    lock = tomllib.loads((TOP / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    assert lock == __version__
    said = subprocess.run([sys.executable, "-m", "pip", "freeze"], capture_output=True, text=True, check=True).stdout
    here = {line.partition("==")[0].lower().replace("_", "-").replace(".", "-"): line for line in said.splitlines()}
    for line in (FILES / "constraints.txt").read_text().splitlines():
        name = line.partition("==")[0]
        assert line.startswith("#") or name in here, line


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    done = subprocess.run([FILES / "filesystem.sh", tmp_path], capture_output=True, text=True, check=False)
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "must not be there yet" in done.stderr


def test_nobody_there_can_write_but_where_data_goes(root: Path, tmp_path: Path) -> None:
    os.chown(tmp_path, USER, USER)
    program = f"""
import os, ssl, pathlib
assert os.getuid() == {USER} and set(os.getgroups()) <= {{{USER}}}
for folder in ("/", "/usr/bin", "/etc", "/usr/local/lib/python3.11/dist-packages"):
    try:
        pathlib.Path(folder, "x").write_text("")
    except OSError:
        pass
    else:
        raise SystemExit(folder)
for folder in ("/tmp", "{DATA}"):
    pathlib.Path(folder, "x").write_text("")
assert len(ssl.create_default_context().get_ca_certs()) > 100
"""
    done = subprocess.run(
        [*in_container(root, tmp_path), PYTHON, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "x").exists()


def test_every_target_of_the_dockerfile_is_a_command(root: Path, tmp_path: Path) -> None:
    commands = re.findall(r'^CMD \["([a-z]+)"\]', (FILES / "Dockerfile").read_text(), re.MULTILINE)
    assert commands == ["controller", "aggregator", "worker", "serve"]
    for command in commands:
        words = [*in_container(root, tmp_path), PYTHON, "-m", "apibench", command, "--help"]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert f"apibench {command}" in done.stdout


def test_controller_aggregator_and_workers_run_out_of_it(root: Path, tmp_path: Path) -> None:
    shared = tmp_path / "store"
    here = Processes(tmp_path, f"sqlite:///{DATA}/installation.sqlite")
    for name in ("controller", "aggregator", "w0", "w1"):
        data = shared if name in ("controller", "aggregator") else tmp_path / f"{name}-data"
        data.mkdir(exist_ok=True)
        os.chown(data, USER, USER)
        here.prefix_of[name] = in_container(root, data)
        here.python_of[name] = PYTHON
        here.environment_of[name] = {"APIBENCH_DATA_DIR": DATA, "HOME": DATA, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        with EchoServer(http="127.0.0.1:0") as target:
            here.start_controller()
            here.start_aggregator()
            for name in ("w0", "w1"):
                here.start_worker(name)
            here.until_idle(2)
            document = here.result(here.run(plan=open_plan(target.address, 200, 4)))
            counted = target.counts()["requests"]
        assert document["requests"]["ok"] == document["load"]["offered"] == 800 == counted, here.said()
        assert [here.end(name) for name in ("w0", "w1", "aggregator", "controller")] == [0, 0, 0, 0], here.said()
    finally:
        here.close()
    assert (shared / "installation.sqlite").stat().st_uid == USER


def test_its_health_is_asked_for_without_a_shell(root: Path, tmp_path: Path) -> None:
    os.chown(tmp_path, USER, USER)
    here = Processes(tmp_path, f"sqlite:///{DATA}/installation.sqlite")
    asks = [*in_container(root, tmp_path), PYTHON, "/usr/local/bin/healthy.py"]
    environment = os.environ | {"APIBENCH_HTTP": here.http}
    assert subprocess.run(asks, env=environment, capture_output=True, check=False).returncode == 1
    here.prefix_of["serve"] = in_container(root, tmp_path)
    here.python_of["serve"] = PYTHON
    here.environment_of["serve"] = {"APIBENCH_DATA_DIR": DATA, "HOME": DATA}
    try:
        here.start("serve", "serve", "--http", here.http)
        here.until_idle(1)
        assert subprocess.run(asks, env=environment, capture_output=True, check=False).returncode == 0
        assert here.end("serve") == 0
    finally:
        here.close()
