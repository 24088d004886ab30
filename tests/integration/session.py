"""What the tests of sessions share: a target, a session in it, and what it must not leave."""

import contextlib
import os
import pathlib
import signal
import subprocess
import time
import uuid

# Of setpriv(1): the capabilities that runtimes give a container that asks for none.
CONTAINER_RIGHTS = ["--bounding-set", "-all,+chown,+dac_override,+fsetid,+fowner,+mknod,+net_raw,"
                    "+setgid,+setuid,+setfcap,+setpcap,+net_bind_service,+sys_chroot,+kill,"
                    "+audit_write"]

CGROUP_ROOTS = [pathlib.Path("/sys/fs/cgroup", name, "ns-debug")
                for name in ("unified", "memory", "pids", "cpu", "devices", "freezer", ".")]


@contextlib.contextmanager
def target(*unshare: str, rights: list[str] | None = None):
    """A process in fresh namespaces, with a container's rights or those that options of setpriv(1)
    leave; yields its pid. Extra words are options of unshare(1)."""
    process = subprocess.Popen(
        ["unshare", "-n", "-u", "-i", "-m", "-p", "-f", "--kill-child", "--mount-proc", *unshare,
         "setpriv", *(CONTAINER_RIGHTS if rights is None else rights), "sh", "-c", "echo ready; exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
            yield int(children.read().split()[0])
    finally:
        process.stdin.close()
        process.wait(20)


def wait_until(condition, seconds: float) -> bool:
    """Whether the condition became true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def processes_with(marker: str) -> list[str]:
    """Pids of processes, other than zombies, whose environment holds the marker."""
    found = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit() and marker.encode() in pathlib.Path("/proc", entry,
                                                                   "environ").read_bytes():
                found.append(entry)
    return found


def is_alive(pid: int) -> bool:
    """Whether it runs; one that only waits for its parent to hear of its end does not."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return stat.rsplit(")", 1)[1].split()[0] not in "ZX"


def cgroups_of(pid: int) -> list[pathlib.Path]:
    """The session cgroups that the ns-enter with this pid made."""
    return [path for root in CGROUP_ROOTS for path in root.glob(f"*-{pid}-*-*")]


class Session:
    """One ns-enter session with pipes and a starter's pipe. Its command has one marker in its
    environment; ns-enter itself, its guard and its init have another."""

    def __init__(self, ns_enter: str, pid: int, script: str, *options: str, view="toolbox"):
        self.marker = f"NS_DEBUG_TEST={uuid.uuid4().hex}"
        self.own_marker = f"NS_DEBUG_OWN={uuid.uuid4().hex}"
        starter, self.starter_end = os.pipe()
        self.process = subprocess.Popen(
            [ns_enter, "-t", str(pid), "--view", view, "--setenv", self.marker, "--starter-fd",
             str(starter), *options, "--", "sh", "-c", script],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            pass_fds=[starter], env=dict([*os.environ.items(), self.own_marker.split("=")]))
        os.close(starter)

    def wait_for_line(self, line: bytes) -> None:
        """The script says that it is ready."""
        assert self.process.stdout.readline() == line + b"\n"

    def drop_starter(self) -> None:
        if self.starter_end >= 0:
            os.close(self.starter_end)
        self.starter_end = -1

    def leftovers(self) -> list:
        return (processes_with(self.marker) + processes_with(self.own_marker) +
                cgroups_of(self.process.pid))

    def close(self) -> None:
        """Whatever the test found: nothing stays on the machine."""
        self.drop_starter()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(20)
        # The guard is one of those with a marker: it may still be cleaning up.
        wait_until(lambda: not self.leftovers(), 5)
        for pid in processes_with(self.marker) + processes_with(self.own_marker):
            with contextlib.suppress(OSError):
                os.kill(int(pid), signal.SIGKILL)
        self.process.stdout.close()
        self.process.stderr.close()


def run(ns_enter: str, pid: int, *words: str, timeout: float = 30) -> subprocess.CompletedProcess:
    """One session, or a plain join, to its end."""
    return subprocess.run([ns_enter, "-t", str(pid), *words], capture_output=True, text=True,
                          timeout=timeout, check=False, stdin=subprocess.DEVNULL)
