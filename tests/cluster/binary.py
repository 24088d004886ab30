"""Kubernetes' own servers, built from their Go module once and kept in the cache.

Nobody packages them for Debian 12. The folder kubernetes/ pins every module by its hash; the Go
command fetches them as this machine has it configured.
"""

import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from bed import Unavailable
from bed.fetch import cache_dir

# The binary does what the name says by which it is started.
PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet")

_SOURCES = pathlib.Path(__file__).resolve().parent / "kubernetes"
_BINARY = "kubernetes"
_MODULE = re.compile(r"^require k8s\.io/kubernetes (v\S+)$|^\tk8s\.io/kubernetes (v\S+)$",
                     re.MULTILINE)
# Seven minutes on two processors when nothing is cached.
_BUILD_SECONDS = 3000
_TAIL_LINES = 15


def kubernetes() -> pathlib.Path:
    """The folder with PROGRAMS; the first call on a machine builds them, which takes minutes."""
    final = cache_dir() / f"kubernetes-{version()}-{_hash()}"
    # A lock of its own: that of bed.fetch would make every other test wait for the build.
    with open(cache_dir() / "kubernetes.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not final.exists():
            _build(final)
    return final


def version() -> str:
    """The version that kubernetes/go.mod asks for, as in v1.36.2."""
    match = _MODULE.search((_SOURCES / "go.mod").read_text())
    return match[1] or match[2]


def _hash() -> str:
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum", "main.go"):
        digest.update((_SOURCES / name).read_bytes())
    return digest.hexdigest()[:12]


def _build(final: pathlib.Path) -> None:
    if shutil.which("go") is None:
        raise Unavailable("kube-apiserver: no go in the PATH to build it with")
    # Under the lock, so these are of builds that were killed.
    for abandoned in cache_dir().glob("build-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    # Loads what the build needs and nothing more; so a failure after it is not the network's.
    loaded = _go("list", "-mod=readonly", "-deps", ".")
    if loaded.returncode != 0:
        raise Unavailable(f"kube-apiserver: go cannot load its modules: {_tail(loaded.stderr, 1)}")
    with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="build-") as temporary:
        work = pathlib.Path(temporary, "bin")
        # Not buildvcs: it would ask git about a repository that may be another user's.
        built = _go("build", "-mod=readonly", "-trimpath", "-buildvcs=false",
                    "-ldflags", _linker_flags(), "-o", work / _BINARY, ".")
        if built.returncode != 0:
            raise RuntimeError(f"building Kubernetes failed\n{_tail(built.stderr, _TAIL_LINES)}")
        for program in PROGRAMS:
            (work / program).symlink_to(_BINARY)
        # Renamed when complete, so that a killed build never looks like a finished one.
        work.rename(final)


def _linker_flags() -> str:
    # Without them the servers would not know their own version, which clients ask for.
    major, minor, _ = version().removeprefix("v").split(".")
    variables = {"gitVersion": version(), "gitMajor": major, "gitMinor": minor}
    package = "k8s.io/component-base/version"
    return "-s -w" + "".join(f" -X {package}.{key}={value}" for key, value in variables.items())


def _go(*arguments: str | pathlib.Path) -> subprocess.CompletedProcess:
    # The machine's tests and compilers go first.
    command = ["nice", "-n", "10", "go", *arguments]
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off"}
    return subprocess.run(command, cwd=_SOURCES, env=environment, timeout=_BUILD_SECONDS,
                          capture_output=True, text=True, check=False)


def _tail(text: str, lines: int) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
