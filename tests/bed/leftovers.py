"""What a bed leaves on the machine: finding it, and removing it without any runtime's help.

A bed that was killed cannot clean up, so nothing here depends on its memory: every process,
mount, cgroup and namespace is recognised by the bed's name. Removing what is already gone is no
error, so two tests may sweep the same dead bed at once.
"""

import contextlib
import json
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import tempfile

from . import bed_name
from .deadline import DeadlineExceeded, wait_until

# The CNI bridge. It lives in the bed's network namespace; one outside of it is a leak.
BRIDGE = "nsdbg0"

_NETWORK_NAMESPACES = pathlib.Path("/run/netns")
# Not configurable in containerd: its CNI library keeps the result of every attachment here.
_CNI_RESULTS = pathlib.Path("/var/lib/cni/results")
_SHIM_SOCKETS = pathlib.Path("/run/containerd/s")
_RUNTIME_PROGRAMS = re.compile(r"containerd|containerd-shim-[a-z0-9-]+|runc|runsc(-[a-z]+)?|ctr")
_KILL_SECONDS = 10


def folder(name: str) -> pathlib.Path:
    """The bed's folder: its runtime's root, state and socket."""
    return pathlib.Path(tempfile.gettempdir()) / name


def check_clean(name: str) -> list[str]:
    """Everything left of the bed `name`, one line each; empty when it is gone."""
    left = [f"process {pid} {command}" for pid, command in _processes(name).items()]
    left += [f"mount {path}" for path in _mounts(name)]
    left += [f"cgroup {path}" for path in _cgroups(name)]
    left += [f"shim socket {path}" for path in _shim_sockets(name) if path.exists()]
    left += [f"CNI result {path}" for path in _cni_results(name)]
    places = {
        "network namespace": _NETWORK_NAMESPACES / name,
        "bridge": pathlib.Path("/sys/class/net", BRIDGE),
        "folder": folder(name),
    }
    return left + [f"{kind} {path}" for kind, path in places.items() if path.exists()]


def sweep() -> list[str]:
    """Removes every bed whose owner is dead; returns their names."""
    dead = sorted(name for name in _all_names() if not bed_name.owner_is_alive(name))
    for name in dead:
        remove(name)
    return dead


def remove(name: str) -> None:
    """Removes everything of the bed `name`, in the order in which things hold each other.

    Raises nothing for what stays: the rest must go all the same, and check_clean() tells.
    """
    # Their paths are written in the bed's folder, so they are read before it goes.
    sockets = _shim_sockets(name)
    with contextlib.suppress(DeadlineExceeded):
        wait_until(lambda: not _kill(name), _KILL_SECONDS, f"processes of {name} gone")
    for path in reversed(_mounts(name)):
        _run_quietly("umount", "--lazy", path)
    # While something is mounted on it, the file cannot be removed.
    with contextlib.suppress(OSError):
        (_NETWORK_NAMESPACES / name).unlink()
    for path in _cgroups(name):
        with contextlib.suppress(DeadlineExceeded):
            _remove_cgroup(path)
    for path in [*sockets, *_cni_results(name)]:
        path.unlink(missing_ok=True)
    # A volume still mounted below the folder would lose its files, not the bed's.
    if not _mounts(name):
        shutil.rmtree(folder(name), ignore_errors=True)


def _all_names() -> set[str]:
    places = [folder(""), _NETWORK_NAMESPACES, *cgroup_roots(), _CNI_RESULTS]
    names = set()
    for place in places:
        with contextlib.suppress(FileNotFoundError):
            names.update(match[0] for entry in os.listdir(place)
                         if (match := bed_name.PATTERN.match(entry)))
    names.update(match[0] for path in _mount_points()
                 for match in bed_name.PATTERN.finditer(path))
    return names


def _processes(name: str) -> dict[int, str]:
    """The bed's processes by pid: its runtime's, its containers', and who is in its network."""
    namespace = _identity(_NETWORK_NAMESPACES / name)
    # A test that was started inside the bed's network is no leftover of it.
    own = _ancestors()
    found = {}
    for pid in (int(entry) for entry in os.listdir("/proc") if entry.isdigit()):
        if pid in own:
            continue
        if _is_of_bed(pid, name, namespace):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found[pid] = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    return found


def _is_of_bed(pid: int, name: str, namespace: tuple | None) -> bool:
    process = pathlib.Path(f"/proc/{pid}")
    try:
        command = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
        cgroups = (process / "cgroup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    if command == [""]:
        return False  # a kernel thread or a zombie
    if namespace is not None and _identity(process / "ns/net") == namespace:
        return True
    if re.search(rf"/{name}(/|$)", cgroups, re.MULTILINE):
        return True
    # gVisor's sandbox has neither the bed's cgroup nor its network. An argument alone is not
    # proof: a pager showing the bed's log has one too.
    program = os.path.basename(command[0])
    mentions = any(f"/{name}/" in argument for argument in command[1:])
    return mentions and _RUNTIME_PROGRAMS.fullmatch(program) is not None


def _identity(path: pathlib.Path) -> tuple | None:
    try:
        status = os.stat(path)
    except (FileNotFoundError, ProcessLookupError):
        return None
    return (status.st_dev, status.st_ino)


def _ancestors() -> set[int]:
    pids = set()
    pid = os.getpid()
    while pid > 0:
        pids.add(pid)
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace")
        pid = int(stat.rpartition(")")[2].split()[1])
    return pids


def _kill(name: str) -> list[int]:
    """Kills the bed's processes and waits for them; returns those it found."""
    processes = _processes(name)
    # containerd first: it would answer the death of its shims with clean-up of its own.
    for runtime in (True, False):
        pids = [pid for pid, command in processes.items() if (command == "containerd") is runtime]
        kill_and_wait(name, pids)
    return list(processes)


def kill_and_wait(name: str, pids: list[int]) -> None:
    """Kills those of `pids` that are processes of the bed `name`, and waits for their end."""
    namespace = _identity(_NETWORK_NAMESPACES / name)
    with contextlib.ExitStack() as descriptors:
        poller = select.poll()
        waiting = 0
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                descriptor = os.pidfd_open(pid)
                descriptors.callback(os.close, descriptor)
                # Looked at again now that the pidfd holds it: the pid may be another's since.
                if _is_of_bed(pid, name, namespace):
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                    poller.register(descriptor, select.POLLIN)
                    waiting += 1
        while waiting and (ended := poller.poll(_KILL_SECONDS * 1000)):
            for descriptor, _events in ended:
                poller.unregister(descriptor)
            waiting -= len(ended)


def _mount_points() -> list[str]:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        # Spaces and the like are octal escapes there.
        return [
            re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), line.split()[4])
            for line in file
        ]


def _mounts(name: str) -> list[str]:
    return [path for path in _mount_points() if name in path.split("/")]


def cgroup_roots() -> list[pathlib.Path]:
    """Every mounted hierarchy: unified, and on v1 or hybrid hosts one for each controller."""
    roots = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            before, _, after = line.partition(" - ")
            if after.split()[0] in ("cgroup", "cgroup2"):
                roots.append(pathlib.Path(before.split()[4]))
    return roots


def _cgroups(name: str) -> list[pathlib.Path]:
    return [root / name for root in cgroup_roots() if (root / name).exists()]


def _remove_cgroup(top: pathlib.Path) -> None:
    def is_gone() -> bool:
        for path, _folders, _files in os.walk(top, topdown=False):
            # Busy for a moment after its last process ended, while the kernel lets go of it.
            with contextlib.suppress(OSError):
                os.rmdir(path)
        return not top.exists()

    wait_until(is_gone, _KILL_SECONDS, f"cgroup {top} removed")


def _shim_sockets(name: str) -> set[pathlib.Path]:
    """Sockets of the bed's shims: containerd puts them into one folder for the whole machine."""
    with contextlib.suppress(FileNotFoundError):
        # Anybody can make a folder of that name, and would have root remove files named in it.
        if folder(name).lstat().st_uid != os.geteuid():
            return set()
    sockets = set()
    for note in folder(name).glob("state/io.containerd.runtime.v2.task/*/*/*"):
        address = ""
        with contextlib.suppress(OSError, ValueError):
            if note.name == "address":
                address = note.read_text()
            elif note.name == "bootstrap.json":
                address = json.loads(note.read_text())["address"]
        path = pathlib.Path(address.removeprefix("unix://").strip())
        if path.parent == _SHIM_SOCKETS:
            sockets.add(path)
    return sockets


def _cni_results(name: str) -> list[pathlib.Path]:
    """The bed's network's results, and those of the loopback of the same sandboxes."""
    results = list(_CNI_RESULTS.glob(f"{name}-*"))
    for path in list(results):
        sandbox = re.search(r"-([0-9a-f]{64})-", path.name)
        if sandbox:
            results += _CNI_RESULTS.glob(f"cni-loopback-{sandbox[1]}-*")
    return results


def _run_quietly(*command: str) -> None:
    # In a session of its own: a Ctrl-C goes to the whole foreground group.
    subprocess.run(command, capture_output=True, start_new_session=True, check=False)
