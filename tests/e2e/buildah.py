"""Images of a Dockerfile without a registry: buildah, with a store of the tests' own.

The store is in the cache and keeps every layer, so a second build does only what has changed.
Removing it is always safe when no build runs. The compiler's cache is this machine's: what was built
here from the same sources and with the same options is not compiled again.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from bed import Unavailable, fetch

# What a Dockerfile calls its base. Made by debootstrap, which is what the real one is made by too.
_BASE = "docker.io/library/debian:bookworm-slim"
_SUITE = "bookworm"
# Nobody reads these in an image, and the real one does not have them either. Licences it has.
_LEFT_OUT = ("usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt")
_PROGRAMS = ("buildah", "debootstrap", "setpriv", "tar", "unshare")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# Minutes; several times as long where many others compile.
_DEBOOTSTRAP_SECONDS = 1200
_BUILD_SECONDS = 3000
_COMMAND_SECONDS = 300
_TAIL_LINES = 20


def build(folder: pathlib.Path, target: str, tag: str) -> None:
    """Builds a stage of the Dockerfile in `folder` and names it; the error has the log's end.

    Raises Unavailable when something for it is missing here.
    """
    for program in _PROGRAMS:
        if shutil.which(program, path=_PATH) is None:
            raise Unavailable(f"image: {program} is missing, run scripts/install-deps")
    with _locked():
        if _run("images", "--quiet", "--filter", f"reference={_BASE}").strip() == "":
            _make_base()
        _run("bud", "--layers", "--isolation", "chroot", "--network", "host", "--pull-never",
             "--volume", f"{_compiler_cache()}:/mnt",
             "--target", target, "--tag", tag, str(folder), seconds=_BUILD_SECONDS)


def export(tag: str, archive: pathlib.Path, reference: str) -> None:
    """Writes an image to a docker-archive, in which its name is `reference`."""
    with _locked():
        _run("push", "--quiet", tag, f"docker-archive:{archive}:{reference}")


def inspect(tag: str) -> dict:
    """An image's configuration in the form of OCI."""
    with _locked():
        return json.loads(_run("inspect", "--type", "image", tag))["OCIv1"]


def _compiler_cache() -> pathlib.Path:
    folder = pathlib.Path(os.environ.get("CCACHE_DIR", pathlib.Path.home() / ".cache" / "ccache"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextlib.contextmanager
def _locked():
    with open(fetch.cache_dir() / "buildah.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _make_base() -> None:
    with tempfile.TemporaryDirectory(dir=_folder(), prefix="base-") as temporary:
        root = pathlib.Path(temporary, "root")
        command = ["debootstrap", "--variant=minbase", f"--keyring={fetch.keyring()}", _SUITE,
                   str(root), fetch.mirror()]
        done = _inside(command, _DEBOOTSTRAP_SECONDS)
        if done.returncode != 0:
            raise Unavailable(f"image: {_tail(done.stdout + done.stderr, 1)}")
        for name in _LEFT_OUT:
            shutil.rmtree(root / name, ignore_errors=True)
        archive = pathlib.Path(temporary, "base.tar")
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True, capture_output=True)
        pathlib.Path(temporary, "Dockerfile").write_text("FROM scratch\nADD base.tar /\n")
        pathlib.Path(temporary, ".dockerignore").write_text("root\n")
        _run("bud", "--tag", _BASE, temporary)


def _folder() -> pathlib.Path:
    folder = fetch.cache_dir() / "buildah"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def _run(*arguments: str, seconds: float = _COMMAND_SECONDS) -> str:
    """Standard output of buildah."""
    with tempfile.TemporaryDirectory(dir=_folder(), prefix="run-") as state:
        command = ["buildah", "--root", str(_folder() / "store"), "--runroot", state, *arguments]
        done = _inside(command, seconds)
    if done.returncode != 0:
        told = _tail(done.stdout + done.stderr, _TAIL_LINES)
        raise RuntimeError(f"buildah {' '.join(arguments)}: {done.returncode}\n{told}")
    return done.stdout


def _inside(command: list[str], seconds: float) -> subprocess.CompletedProcess:
    # In namespaces of its own: whatever ends it or us, its mounts and processes go with it.
    own = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork",
           "--kill-child", "--mount-proc", "nice", "-n", "5"]
    # What is there is of builds that were killed: one has the lock.
    temporary = _folder() / "tmp"
    temporary.mkdir(exist_ok=True)
    for path in temporary.glob("buildah[0-9]*"):
        shutil.rmtree(path, ignore_errors=True)
    environment = {**os.environ, "TMPDIR": str(temporary), "STORAGE_DRIVER": "overlay",
                   "PATH": f"{_PATH}:{os.environ['PATH']}"}
    return subprocess.run([*own, *command], env=environment, timeout=seconds, check=False,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)


def _tail(text: str, lines: int) -> str:
    return "\n".join(text.strip().splitlines()[-lines:])
