"""Programs of other Debian suites, unpacked into a cache without installing them.

The machine's own apt is the only source: its mirror and its keyring, with separate lists, so
that the installed system never sees the other suite. Packages are unpacked once and kept in
folders named after their version; nothing is fetched again while one is there. Removing the
cache folder is always safe when no bed runs.
"""

import fcntl
import functools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from .unavailable import Unavailable

# Stable releases keep the containerd they came with; sid moves on, so what it has is checked
# after the download and named in the error.
CONTAINERD_SUITES = {"1.7": "trixie", "2.1": "sid"}
INSTALLED_CONTAINERD = "1.6"

_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# apt is silent for long only when the mirror hangs: tests then skip instead of waiting forever.
_APT_SECONDS = 300


def cache_dir() -> pathlib.Path:
    """The folder that holds everything fetched; created when missing."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    path = pathlib.Path(base) / "ns-debug"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def containerd(version: str) -> pathlib.Path:
    """The folder of containerd, its shim and ctr, for "1.6" (installed), "1.7" or "2.1"."""
    if version == INSTALLED_CONTAINERD:
        return _installed_containerd()
    suite = CONTAINERD_SUITES.get(version)
    if suite is None:
        known = ", ".join([INSTALLED_CONTAINERD, *CONTAINERD_SUITES])
        raise Unavailable(f"containerd {version}: not one of {known}")
    return _unpacked("containerd", suite, ["containerd"], version) / "usr/bin"


def runsc() -> pathlib.Path:
    """gVisor's runsc."""
    return _unpacked("runsc", "trixie", ["runsc"]) / "usr/bin/runsc"


@functools.cache
def _nsenter_command() -> tuple[str, ...]:
    packages = ["util-linux", "libc6", "libselinux1", "libpcre2-8-0"]
    root = _unpacked("util-linux", "sid", packages, "2.42")
    loaders = sorted(root.glob("usr/lib/*/ld-linux-*.so.*"))
    if not loaders:
        raise Unavailable(f"nsenter 2.42: no dynamic loader under {root}, remove that folder")
    # Its own loader and libraries: sid's nsenter needs a newer glibc than Debian 12 has. The
    # commands it starts use the machine's own libraries, for the option is not inherited.
    loader = str(loaders[0])
    return (loader, "--library-path", str(loaders[0].parent), str(root / "usr/bin/nsenter"))


def nsenter_242() -> list[str]:
    """The command that runs util-linux 2.42's nsenter here: append its arguments."""
    return list(_nsenter_command())


def mirror() -> str:
    """Where this machine gets Debian's main archive from, for tools that fetch it themselves."""
    return _mirror()


def keyring() -> str:
    """What the packages of that archive are signed with."""
    return _KEYRING


def kernel(suite: str, flavour: str) -> pathlib.Path:
    """The newest kernel of a suite: a folder with usr/lib/modules/VERSION/vmlinuz and modules."""
    with open(cache_dir() / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _cached(f"linux-{suite}-{flavour}", "")
        return found if found else _download_kernel(suite, flavour)


def _download_kernel(suite: str, flavour: str) -> pathlib.Path:
    with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="tmp-") as temporary:
        work = pathlib.Path(temporary)
        options = _apt_options(suite, work)
        _run(["apt-get", *options, "update"], work, f"lists of suite {suite}")
        # The version is a part of these packages' names; apt-get takes regular expressions. Not the
        # metapackage: that one would bring an initramfs generator.
        names = [f"^linux-{part}-[0-9].*-{flavour}$" for part in ("binary", "modules")]
        _run(["apt-get", *options, "download", *names], work, f"kernel of suite {suite}")
        root = work / "root"
        for deb in sorted(work.glob("*.deb")):
            _run(["dpkg", "-x", str(deb), str(root)], work, f"unpack {deb.name}")
        releases = [path.name for path in root.glob("usr/lib/modules/*")]
        if len(releases) != 1:
            raise Unavailable(f"kernel of suite {suite}: {len(releases)} of flavour {flavour}")
        final = cache_dir() / f"linux-{suite}-{flavour}-{releases[0]}"
        root.rename(final)
        return final


def _installed_containerd() -> pathlib.Path:
    program = shutil.which("containerd")
    if program is None:
        raise Unavailable("containerd 1.6: not installed, run scripts/install-deps")
    told = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    if f" {INSTALLED_CONTAINERD}." not in told:
        raise Unavailable(f"containerd 1.6: {program} says {told.strip()!r}")
    return pathlib.Path(program).parent


def _unpacked(name: str, suite: str, packages: list[str], version: str = "") -> pathlib.Path:
    """The folder with `packages` of `suite`; the first of them must be of `version`."""
    # One download at a time: parallel test runs would write the same lists and folders.
    with open(cache_dir() / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _cached(name, version)
        return found if found else _download(name, suite, packages, version)


def _cached(name: str, version: str) -> pathlib.Path | None:
    pattern = re.compile(re.escape(f"{name}-{version}") + (r"(?![0-9])" if version else ""))
    found = sorted(path for path in cache_dir().iterdir() if pattern.match(path.name))
    return found[-1] if found else None


def _download(name: str, suite: str, packages: list[str], version: str) -> pathlib.Path:
    # Under the lock, so these are of downloads that were killed.
    for abandoned in cache_dir().glob("tmp-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=cache_dir(), prefix="tmp-") as temporary:
        work = pathlib.Path(temporary)
        options = _apt_options(suite, work)
        _run(["apt-get", *options, "update"], work, f"lists of suite {suite}")
        _run(["apt-get", *options, "download", *packages], work, f"{packages} of {suite}")
        debs = sorted(work.glob("*.deb"))
        have = _version_of(debs, packages[0])
        if version and not re.match(re.escape(version) + r"(?![0-9])", have):
            raise Unavailable(f"{packages[0]} {version}: suite {suite} now has {have}")
        root = work / "root"
        for deb in debs:
            _run(["dpkg", "-x", str(deb), str(root)], work, f"unpack {deb.name}")
        # The loader's library path is split at colons, which an epoch would bring in. Renamed
        # when complete, so that a killed download never looks like a finished one.
        final = cache_dir() / f"{name}-{have.replace(':', '_')}"
        root.rename(final)
        return final


def _version_of(debs: list[pathlib.Path], package: str) -> str:
    for deb in debs:
        if deb.name.startswith(package + "_"):
            command = ["dpkg-deb", "-f", deb, "Version"]
            return subprocess.run(command, capture_output=True, text=True).stdout.strip()
    raise Unavailable(f"{package}: apt-get download brought no such package")


def _apt_options(suite: str, work: pathlib.Path) -> list[str]:
    """Options that give apt another suite and state of its own; proxies and the like stay."""
    sources = work / "sources.list"
    sources.write_text(f"deb [signed-by={_KEYRING}] {_mirror()} {suite} main\n")
    (work / "lists/partial").mkdir(parents=True)
    (work / "archives/partial").mkdir(parents=True)
    settings = {
        "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::State::lists": work / "lists",
        "Dir::Cache": work,
        "Dir::Cache::archives": work / "archives",
        # The unprivileged download user cannot enter a cache folder of root's.
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        # Without it an unreachable mirror is only a warning and an empty list.
        "APT::Update::Error-Mode": "any",
    }
    return ["-q", *(item for key, value in settings.items() for item in ("-o", f"{key}={value}"))]


def _mirror() -> str:
    """Where this machine's apt gets the main archive of its own release from."""
    if shutil.which("apt-get") is None:
        raise Unavailable("other Debian suites: this machine has no apt-get")
    release = subprocess.run(
        ["sh", "-c", ". /etc/os-release; echo $VERSION_CODENAME"], capture_output=True, text=True
    ).stdout.strip()
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)"],
        capture_output=True, text=True,
    ).stdout
    for line in targets.splitlines():
        fields = line.split()
        if fields[1:] == [release, "main"]:
            return fields[0]
    raise Unavailable(f"other Debian suites: apt has no archive with suite {release!r}")


def _run(command: list[str], folder: pathlib.Path, what: str) -> None:
    try:
        subprocess.run(
            command, cwd=folder, check=True, timeout=_APT_SECONDS, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"{what}: no answer in {_APT_SECONDS} s") from None
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.startswith("E: ")]
        raise Unavailable(f"{what}: {lines[0] if lines else error}") from None
