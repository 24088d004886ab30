"""Processes to enter: each in namespaces of its own, made with unshare(1) and gone when done.

A target is a `sleep infinity`. It is ready when its last exec is through, so that its environment,
user and root no longer change while two programs are compared on it.
"""

import contextlib
import dataclasses
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make namespaces")
DEADLINE_SECONDS = 20.0
# Host ids that the user namespaces of the targets call 0 and following.
MAPPED_BASE = 100000
MAPPED_COUNT = 65536
CALLER = 1000
KINDS = ("user", "cgroup", "ipc", "uts", "net", "pid", "mnt", "time")
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "TARGET_SAYS": "a=b  c", "EMPTY": ""}

# Each process of the chain dies with the one above it, also when pytest is killed. The kernel
# forgets that wish with a change of user or an exec that gains capabilities, which is why the last
# one of the chain, root in its user namespace only when that is mapped, says it again.
_DIE_WITH_US = ["setpriv", "--pdeathsig", "KILL"]
_SLEEP = "exec setpriv --pdeathsig KILL sleep infinity"
_HOLD = "echo ready; read line; " + _SLEEP
_ALL = ["unshare", "-m", "-u", "-i", "-n", "-p", "-C", "-T", "--boottime", "86400", "--fork",
        "--kill-child"]
_USER = ["unshare", "-U", "-m", "-u", "-i", "-n", "-p", "-C", "-T", "--fork", "--kill-child"]
# Its second network namespace is the process's own, the first one only its socket's.
_SOCKET_HOLDER = """
import ctypes, os, socket
held = socket.socket()
os.dup2(held.fileno(), 50)
assert ctypes.CDLL(None).unshare(0x40000000) == 0
print("ready", flush=True)
input()
os.execvp("sleep", ["sleep", "infinity"])
"""
SOCKET_FD = 50


def wait_until(condition: Callable[[], object], what: str, seconds: float = DEADLINE_SECONDS):
    """The first true value of `condition`; an assertion when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.005)


def as_user(uid: int, *more: str) -> list[str]:
    """A command prefix: as this user and group, without other groups."""
    return ["setpriv", "--reuid", str(uid), "--regid", str(uid), "--clear-groups", *more]


@dataclasses.dataclass(frozen=True)
class Target:
    """A running process and what is known of it."""

    pid: int
    root: str = "/"

    def namespace(self, kind: str) -> str:
        """As readlink shows it: "net:[4026532000]"."""
        return os.readlink(f"/proc/{self.pid}/ns/{kind}")

    def inode(self, kind: str) -> int:
        return os.stat(f"/proc/{self.pid}/ns/{kind}").st_ino

    def pidfd_inode(self) -> int:
        """What PID:INODE names."""
        pidfd = os.pidfd_open(self.pid)
        try:
            return os.fstat(pidfd).st_ino
        finally:
            os.close(pidfd)


def status(pid: int) -> dict[str, str]:
    """/proc/PID/status; empty when the process is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def state(pid: int) -> str:
    """"S", "T", "Z" and so on; empty when the process is gone."""
    return status(pid).get("State", "")[:1]


def children(pid: int) -> list[int]:
    try:
        text = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()
        return [int(number) for number in text.split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def find_processes(marker: str) -> list[int]:
    """The processes that have `marker` as a word of their command line, zombies left out."""
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            words = pathlib.Path(entry.path, "cmdline").read_bytes().split(b"\0")
            if marker.encode() in words:
                found.append(int(entry.name))
    return found


def _leaf(pid: int) -> int:
    """The last of a line of only children: unshare --fork stays above what it started."""
    while below := children(pid):
        pid = below[0]
    return pid


def _write_maps(pid: int) -> None:
    for name in ("uid_map", "gid_map"):
        path = pathlib.Path(f"/proc/{pid}/{name}")
        path.write_text(f"0 {MAPPED_BASE} {MAPPED_COUNT}\n")


def _wait_gone(pidfd: int, pid: int) -> None:
    ready, _, _ = select.select([pidfd], [], [], DEADLINE_SECONDS)
    assert ready, f"target {pid} survived its end"


@contextlib.contextmanager
def started(command: Sequence[str], *, map_ids: bool = False, cwd: str = "/",
            root: str = "/") -> Iterator[Target]:
    """A target made by `command`, which prints "ready", reads a line and becomes sleep."""
    launcher = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=cwd, text=True,
        env=ENVIRONMENT, start_new_session=True)
    pidfd = -1
    try:
        assert launcher.stdout.readline() == "ready\n", f"{command} did not start"
        if map_ids:
            _write_maps(_leaf(launcher.pid))
        launcher.stdin.write("go\n")
        launcher.stdin.flush()
        wait_until(lambda: status(_leaf(launcher.pid)).get("Name") == "sleep", "target sleeps")
        pid = _leaf(launcher.pid)
        pidfd = os.pidfd_open(pid)
        yield Target(pid, root)
    finally:
        # The launcher is unreaped, so its number is still its own.
        launcher.kill()
        launcher.wait()
        launcher.stdin.close()
        launcher.stdout.close()
        if pidfd >= 0:
            # A launcher that forked takes its child along (unshare --kill-child).
            _wait_gone(pidfd, pid)
            os.close(pidfd)


def plain():
    """In fresh namespaces of all kinds but user; /proc is still the node's."""
    return started([*_DIE_WITH_US, *_ALL, "sh", "-c", "echo target-host > "
                    "/proc/sys/kernel/hostname; " + _HOLD], cwd="/usr")


def contained():
    """As plain, with a /proc of its own PID namespace, as a container has it."""
    return started([*_DIE_WITH_US, *_ALL, "--mount-proc", "sh", "-c", _HOLD])


def with_user():
    """Fresh namespaces of all kinds, root of which is an unprivileged user of the node."""
    return started([*as_user(MAPPED_BASE), *_DIE_WITH_US, *_USER, "sh", "-c", _HOLD], map_ids=True)


def nested():
    """A container in a container: a user namespace, with setgroups denied, in a user namespace."""
    inner = ("exec setpriv --pdeathsig KILL unshare -U -r -m -n -p --fork --kill-child "
             f"sh -c '{_SLEEP}'")
    return started([*as_user(MAPPED_BASE), *_DIE_WITH_US, *_USER, "sh", "-c",
                    "echo ready; read line; " + inner], map_ids=True)


def owned_by_caller():
    """Namespaces of an unprivileged user of the node, who may therefore enter them."""
    return started([*as_user(CALLER), *_DIE_WITH_US, *_USER, "-r", "sh", "-c", _HOLD])


def other_user():
    """Another user with other groups, in a network and UTS namespace."""
    switch = "exec setpriv --reuid 1234 --regid 2345 --groups 3456,4567 sleep infinity"
    return started([*_DIE_WITH_US, "unshare", "-u", "-n", "sh", "-c",
                    "echo ready; read line; " + switch])


def socket_holder():
    """Holds a socket, SOCKET_FD, of a network namespace that it has left."""
    return started([*_DIE_WITH_US, "unshare", "-n", "/usr/bin/python3", "-c", _SOCKET_HOLDER])


@contextlib.contextmanager
def chrooted():
    """Its root is a directory with busybox, in a mount namespace that also has the node's tools."""
    busybox = shutil.which("busybox")
    assert busybox, "busybox-static is not installed"
    with tempfile.TemporaryDirectory(prefix="ns-enter-root-") as root:
        os.chmod(root, 0o755)
        for name in ("bin", "proc", "home"):
            os.mkdir(os.path.join(root, name))
        shutil.copy2(busybox, os.path.join(root, "bin/busybox"))
        for applet in ("sh", "sleep", "ls", "env", "id", "pwd"):
            os.symlink("busybox", os.path.join(root, "bin", applet))
        # The proc mount is in the target's mount namespace and goes away with it.
        script = (f"mount -t proc proc {root}/proc; cd {root}/home; exec chroot {root} /bin/sh -c "
                  "'cd /home; echo ready; read line; exec sleep infinity'")
        with started([*_DIE_WITH_US, "unshare", "-m", "-u", "-n", "-p", "--fork", "--kill-child",
                      "sh", "-c", script], root=root) as target:
            yield target


FACTORIES = {factory.__name__: factory for factory in (
    plain, contained, with_user, nested, owned_by_caller, other_user, socket_holder, chrooted)}


class Pool:
    """Targets by name, each started at its first use; close() ends them all."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._targets: dict[str, Target] = {}

    def __getitem__(self, name: str) -> Target:
        if name not in self._targets:
            self._targets[name] = self._stack.enter_context(FACTORIES[name]())
        return self._targets[name]

    def close(self) -> None:
        self._stack.close()


def end(process: subprocess.Popen) -> None:
    """Ends a process that a test started, whatever became of it."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
        process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
