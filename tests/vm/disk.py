"""What a guest boots from: kernel, initramfs and root file system, built once and cached.

All of it comes from Debian's own archive. The cache's folder is named after what went in, so a
changed list of packages builds anew; removing it is always safe when no machine runs.
"""

import dataclasses
import fcntl
import hashlib
import lzma
import os
import pathlib
import shutil
import subprocess
import tempfile

from bed import fetch
from bed.unavailable import Unavailable

_SUITE = "sid"
_FLAVOUR = "cloud-amd64"
_PACKAGES = (
    "apparmor", "busybox-static", "containerd", "containernetworking-plugins", "crun", "iproute2",
    "libseccomp2", "procps", "python3", "python3-pytest", "runc", "strace", "util-linux",
    "util-linux-extra",
)
# In the order in which they need each other; what else the guest needs is built in.
_MODULES = (
    "drivers/block/virtio_blk", "fs/overlayfs/overlay", "net/llc/llc", "net/802/stp",
    "net/bridge/bridge", "drivers/net/veth", "net/core/failover", "drivers/net/net_failover",
    "drivers/net/virtio_net",
)
_DISK_SIZE = "1500M"
# Nobody reads these in the guest, and they are a third of it.
_LEFT_OUT = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt")
_INIT = pathlib.Path(__file__).parent / "guest/initramfs-init"
_PROGRAMS = ("debootstrap", "cpio", "mke2fs", "busybox", "unshare")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# A minute or two; ten where many others compile.
_BUILD_SECONDS = 1200


@dataclasses.dataclass(frozen=True)
class BootFiles:
    """Paths in the cache; nothing writes to them after the build."""

    kernel: pathlib.Path
    initramfs: pathlib.Path
    root: pathlib.Path


def boot_files() -> BootFiles:
    """Builds them when they are not there yet, which takes a minute or two.

    Raises Unavailable when something for it is missing here.
    """
    cache = fetch.cache_dir() / "vm"
    cache.mkdir(mode=0o700, exist_ok=True)
    with open(cache / "lock", "w") as lock:
        # One build at a time: parallel test runs would make the same files.
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = cache / _key()
        if not folder.is_dir():
            _build(cache, folder)
    return BootFiles(folder / "vmlinuz", folder / "initramfs", folder / "root.ext4")


def _key() -> str:
    # This file too, for how things are put together is a part of what comes out.
    content = pathlib.Path(__file__).read_bytes() + _INIT.read_bytes()
    return hashlib.sha256(content).hexdigest()[:16]


def _build(cache: pathlib.Path, final: pathlib.Path) -> None:
    for program in _PROGRAMS:
        if shutil.which(program, path=_PATH) is None:
            raise Unavailable(f"{program} is missing, run scripts/install-deps")
    # Under the lock, so these are of builds that were killed.
    for abandoned in cache.glob("tmp-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    kernel = next(fetch.kernel(_SUITE, _FLAVOUR).glob("usr/lib/modules/*"))
    with tempfile.TemporaryDirectory(dir=cache, prefix="tmp-") as temporary:
        work = pathlib.Path(temporary)
        result = work / "result"
        result.mkdir()
        shutil.copy(kernel / "vmlinuz", result / "vmlinuz")
        _make_initramfs(work / "initramfs", kernel, result / "initramfs")
        _make_root(work / "root", result / "root.ext4")
        for old in cache.glob("[0-9a-f]*/root.ext4"):
            shutil.rmtree(old.parent, ignore_errors=True)
        # Renamed when complete: a killed build never looks like a finished one.
        result.rename(final)


def _make_initramfs(folder: pathlib.Path, kernel: pathlib.Path, path: pathlib.Path) -> None:
    for name in ("bin", "dev", "modules", "proc", "root", "sys"):
        (folder / name).mkdir(parents=True)
    busybox = shutil.which("busybox", path=_PATH)
    for name in ("busybox", "sh"):
        shutil.copy(busybox, folder / "bin" / name)
    shutil.copy(_INIT, folder / "init")
    names = [pathlib.PurePath(module).name for module in _MODULES]
    (folder / "modules/order").write_text("".join(f"{name}\n" for name in names))
    for module, name in zip(_MODULES, names):
        # busybox's insmod gives the kernel what it reads, and the kernel wants it unpacked.
        packed = (kernel / "kernel" / f"{module}.ko.xz").read_bytes()
        (folder / "modules" / f"{name}.ko").write_bytes(lzma.decompress(packed))
    files = subprocess.run(["find", ".", "-print0"], cwd=folder, stdout=subprocess.PIPE, check=True)
    with open(path, "wb") as output:
        subprocess.run(["cpio", "--null", "--create", "--format=newc", "--quiet"], cwd=folder,
                       input=files.stdout, stdout=output, check=True)


def _make_root(folder: pathlib.Path, path: pathlib.Path) -> None:
    # In namespaces of its own: whatever ends it or us, its mounts and processes are gone with it.
    _run(["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child",
          "debootstrap", "--variant=minbase", f"--keyring={fetch.keyring()}",
          f"--include={','.join(_PACKAGES)}", _SUITE, str(folder), fetch.mirror()],
         "root file system of the guest")
    for name in _LEFT_OUT:
        shutil.rmtree(folder / name, ignore_errors=True)
    # The places of what the guest mounts.
    (folder / "host").mkdir()
    _run(["mke2fs", "-q", "-t", "ext4", "-d", str(folder), str(path), _DISK_SIZE],
         "disk of the guest")


def _run(command: list[str], what: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, errors="replace",
                       timeout=_BUILD_SECONDS, env={**os.environ, "PATH": _PATH, "LC_ALL": "C"})
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{what}: not done in {_BUILD_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        last = (error.stdout + error.stderr).strip().splitlines()[-1:]
        raise Unavailable(f"{what}: {last[0] if last else error}") from None
