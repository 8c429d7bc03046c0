"""
The parts of Kubernetes that the tests run, as one program: built once for all copies of these sources, and kept.

It lies in the user's cache, under a name that follows from all that it is built of. As a command this builds it.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCES = Path(__file__).parent / "cluster"
FILES = ("go.mod", "go.sum", "main.go")
VERSION_PACKAGE = "k8s.io/component-base/version"


def release() -> str:
    """Of Kubernetes, like `v1.37.2`: what go.mod names."""
    words = [line.split() for line in (SOURCES / "go.mod").read_text().splitlines()]
    return next(
        version for name, version in (each[:2] for each in words if len(each) == 2) if name == "k8s.io/kubernetes"
    )


def place() -> Path:
    """Where it is, or would be."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    digest = hashlib.sha256(b"".join((SOURCES / name).read_bytes() for name in FILES)).hexdigest()
    return cache / "apibench-tests" / f"kubernetes-{release()}-{digest[:16]}"


def build() -> None:
    """Build it, unless it is there. Takes minutes, and some gigabytes of Go's own caches."""
    if place().exists():
        return
    go = shutil.which("go", path=os.pathsep.join([os.environ["PATH"], "/usr/local/go/bin"]))
    if go is None:
        sys.exit("Go is needed to build the API server of Kubernetes: https://go.dev/doc/install")
    sys.stderr.write(f"Building Kubernetes {release()} without nodes, once (some minutes), into {place().parent}.\n")
    place().parent.mkdir(parents=True, exist_ok=True)
    major, minor, _ = release().removeprefix("v").split(".")
    told = {"gitVersion": release(), "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    flags = " ".join(["-s", "-w", *(f"-X {VERSION_PACKAGE}.{name}={value}" for name, value in told.items())])
    with tempfile.TemporaryDirectory(dir=place().parent) as folder:
        made = Path(folder, "cluster")
        subprocess.run(
            [go, "build", "-mod=readonly", "-buildvcs=false", "-ldflags", flags, "-o", made, "."],
            cwd=SOURCES,
            env={**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"},
            check=True,
        )
        made.rename(place())


if __name__ == "__main__":
    build()
