"""A session that tries to leave something behind, ended in every way there is, leaves nothing."""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import pytest
import session

PROGRAM = pathlib.Path(__file__).parent / "programs" / "linger.c"
LINGER = f"/var/tmp/nsdbg-linger-{os.getpid()}"
# What is promised. An emulated machine is given longer: its seconds are not a machine's.
GONE_SECONDS = float(os.environ.get("NS_DEBUG_GONE_SECONDS", "1"))

# Each says "up" when what it leaves is there, and goes on.
WAYS = {
    "background job": "sleep 1000 & echo up; sleep 1000",
    "setsid": "setsid sleep 1000 & echo up; sleep 1000",
    "double fork": "(sh -c 'sleep 1000 &'); echo up; sleep 1000",
    "daemon": "perl -e 'use POSIX; fork and exit; setsid; fork and exit; open STDIN, q(</dev/null);"
              " open STDOUT, q(>/dev/null); open STDERR, q(>/dev/null); sleep 1000'; echo up;"
              " sleep 1000",
    "nohup": "nohup sleep 1000 >/dev/null 2>&1 & echo up; sleep 1000",
    "ignored signals": "trap '' HUP INT QUIT TERM USR1 USR2 ALRM; (sleep 1000) & echo up;"
                       " while :; do sleep 1000; done",
    "stopped process": "sleep 1000 & kill -STOP $!; echo up; sleep 1000",
    "stopped group": "setsid sh -c 'kill -STOP $$' & echo up; sleep 1000",
    "blocked on a FIFO": "mkfifo /tmp/fifo; cat /tmp/fifo & echo up; sleep 1000",
    "blocked on a lock": "exec 9>/tmp/lock; flock 9; (exec 9>&-; exec 8>/tmp/lock; flock 8) &"
                         " echo up; sleep 1000",
    # Doubles up to the limit, and then tries on.
    "fork bomb": "exec perl -e '$| = 1; my $first = $$; while (defined fork) {}"
                 " print qq(up\\n) if $$ == $first;"
                 " while (1) { fork; select undef, undef, undef, .01 }'",
    "chain of parents": "sh -c 'sh -c \"sh -c \\\"sleep 1000 & sleep 1000\\\" & sleep 1000\" &"
                        " sleep 1000' & echo up; sleep 1000",
    "orphans of orphans": "(setsid sh -c '(setsid sleep 1000 &) ; sleep 1000' &); echo up;"
                          " sleep 1000",
    "zombies": "perl -e 'for (1..20) { fork or exit 0 } $| = 1; print qq(up\\n); sleep 1000'",
    "threads": "python3 -c 'import threading, time; [threading.Thread(target=time.sleep,"
               " args=(1000,)).start() for _ in range(20)];"
               " __import__(\"os\").write(1, b\"up\\n\")'",
    "vfork": f"{LINGER} & sleep 1000",
    "bash jobs": "bash -ic 'sleep 1000 & disown; sleep 1000 & echo up; wait' 2>/dev/null",
    "open files": "exec 3>/tmp/a 4>/run/b 5>/c; sleep 1000 & echo up; sleep 1000",
    "mapped memory": "python3 -c 'import mmap, os, time; m = mmap.mmap(-1, 1 << 24);"
                     " os.fork() and os.write(1, b\"up\\n\"); time.sleep(1000)'",
    "unkillable by name": "perl -e '$0 = q(ns-enter); my $child = fork;"
                          " $SIG{$_} = q(IGNORE) for keys %SIG;"
                          " $| = 1; print qq(up\\n) if $child; sleep 1000 while 1'",
}


def end_by_exit(running):
    # The command itself; what it started in the background goes on.
    command = session.processes_with(running.marker)
    children = {pid: pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").split()[3]
                for pid in command if os.path.exists(f"/proc/{pid}/stat")}
    first = next(pid for pid, parent in children.items() if parent not in children)
    os.kill(int(first), signal.SIGKILL)


ENDS = {
    "exit": end_by_exit,
    "SIGTERM": lambda running: running.process.terminate(),
    "SIGKILL": lambda running: running.process.kill(),
    "pipe closed": lambda running: running.drop_starter(),
}


@pytest.fixture(scope="module", autouse=True)
def linger():
    """The program of the way "vfork", where sessions see it."""
    subprocess.run(["gcc", "-static", "-O1", "-o", LINGER, PROGRAM], check=True)
    yield
    os.unlink(LINGER)


def node_mounts() -> set[str]:
    lines = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return {line.split()[4] for line in lines}


@pytest.fixture(scope="module", autouse=True)
def untouched_node():
    """After all of it no mount of the node's mount namespace is new."""
    before = node_mounts()
    yield
    # Other tests that run at the same time have theirs.
    assert not {mount for mount in node_mounts() - before if "nsdbg" not in mount}


@pytest.fixture(scope="module")
def pid():
    with session.target() as found:
        yield found


def check_nothing_left(running) -> None:
    assert session.wait_until(lambda: not running.leftovers(), GONE_SECONDS), \
        running.leftovers()
    assert session.wait_until(lambda: running.process.poll() is not None, 5)


# In the container view these would write into the target, or have no limit but the target's.
TOOLBOX_ONLY = ("fork bomb", "blocked on a FIFO", "blocked on a lock", "open files")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("view, way", [
    (view, way) for view in ("toolbox", "container") for way in WAYS
    if view == "toolbox" or way not in TOOLBOX_ONLY])
def test_leaves_nothing(ns_enter, pid, way, end, view):
    running = session.Session(ns_enter, pid, WAYS[way], view=view)
    try:
        running.wait_for_line(b"up")
        ENDS[end](running)
        check_nothing_left(running)
    finally:
        running.close()


@pytest.mark.parametrize("way", WAYS)
def test_leaves_nothing_at_its_deadline(ns_enter, pid, way):
    running = session.Session(ns_enter, pid, WAYS[way], "--timeout", "1s")
    try:
        running.wait_for_line(b"up")
        assert running.process.wait(10) == 124
        check_nothing_left(running)
        assert running.process.stderr.read().endswith(b"the session's time of 1 s is over\n")
    finally:
        running.close()


STARTER = """
import os, subprocess, sys
read, write = os.pipe()
words = [str(read) if word == "FD" else word for word in sys.argv[1:]]
process = subprocess.Popen(words, pass_fds=[read])
print(process.pid, flush=True)
process.wait()
"""


@pytest.mark.parametrize("way", WAYS)
def test_leaves_nothing_when_its_starter_is_killed(ns_enter, pid, way):
    marker = f"NS_DEBUG_TEST={os.urandom(8).hex()}"
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, ns_enter, "-t", str(pid), "--view", "toolbox", "--setenv",
         marker, "--starter-fd", "FD", "--", "sh", "-c", WAYS[way]], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL)
    try:
        ns_enter_pid = int(starter.stdout.readline())
        assert starter.stdout.readline() == b"up\n"
        starter.kill()
        starter.wait()
        gone = session.wait_until(lambda: not session.processes_with(marker) and
                                  not session.cgroups_of(ns_enter_pid), GONE_SECONDS)
        assert gone, session.processes_with(marker) + session.cgroups_of(ns_enter_pid)
        assert session.wait_until(lambda: not session.is_alive(ns_enter_pid), 5)
    finally:
        starter.kill()
        starter.stdout.close()


def guard_of(pid: int) -> int:
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if b"guard" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes():
            return int(child)
    raise AssertionError("no guard")


@pytest.mark.parametrize("view", ["host", "toolbox"])
def test_leaves_nothing_when_its_starter_was_gone_before_it_began(ns_enter, pid, view):
    """The guard is through before there is a cgroup and an init."""
    for _ in range(20):
        with subprocess.Popen([ns_enter, "-t", str(pid), "--view", view, "--starter-fd", "0", "--",
                               "sleep", "1000"], stdin=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            process.wait(10)
            assert not session.cgroups_of(process.pid)


def test_a_killed_guard_is_replaced_by_ns_enter(ns_enter, pid):
    running = session.Session(ns_enter, pid, WAYS["daemon"])
    try:
        running.wait_for_line(b"up")
        os.kill(guard_of(running.process.pid), signal.SIGKILL)
        check_nothing_left(running)
    finally:
        running.close()


def test_a_stopped_init_does_not_hold_the_end_up(ns_enter, pid):
    """Root in the target can stop the session's init; ns-enter stops too, as for its command."""
    running = session.Session(ns_enter, pid, "echo up; sleep 1000", "--timeout", "1s")
    try:
        running.wait_for_line(b"up")
        init = next(child for child in pathlib.Path(
            f"/proc/{running.process.pid}/task/{running.process.pid}/children").read_text().split()
            if b"init" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes())
        os.kill(int(init), signal.SIGSTOP)
        assert running.process.wait(10) == 124
        check_nothing_left(running)
    finally:
        running.close()


def test_what_killed_predecessors_left_is_swept(ns_enter, pid):
    running = session.Session(ns_enter, pid, WAYS["setsid"])
    try:
        running.wait_for_line(b"up")
        os.kill(guard_of(running.process.pid), signal.SIGKILL)
        running.process.kill()
        running.process.wait()
        assert running.leftovers(), "guard and ns-enter were killed: who cleaned?"
        assert session.run(ns_enter, pid, "--view", "toolbox", "--", "true").returncode == 0
        assert session.wait_until(lambda: not running.leftovers(), 2), running.leftovers()
    finally:
        running.close()


# Bounded by a cgroup alone.
UNBOUNDED = ("fork bomb",)


@pytest.mark.parametrize("end", ["SIGTERM", "SIGKILL"])
@pytest.mark.parametrize("way", [way for way in WAYS if way not in UNBOUNDED])
def test_leaves_nothing_without_a_cgroup_of_its_own(ns_enter, pid, way, end):
    running = session.Session(ns_enter, pid, WAYS[way], "--cgroup-parent", "none")
    try:
        running.wait_for_line(b"up")
        ENDS[end](running)
        check_nothing_left(running)
    finally:
        running.close()


def test_session_cgroups_may_lie_deeper(ns_enter, pid):
    result = session.run(ns_enter, pid, "--view", "toolbox", "--cgroup-parent", "/nsdbg-a/nsdbg-b",
                         "--", "grep", ":pids:", "/proc/self/cgroup")
    try:
        assert ":pids:/nsdbg-a/nsdbg-b/" in result.stdout, result.stderr
    finally:
        for root in pathlib.Path("/sys/fs/cgroup").iterdir():
            for name in ("nsdbg-a/nsdbg-b", "nsdbg-a"):
                if (root / name).is_dir():
                    (root / name).rmdir()


@pytest.fixture(scope="module")
def ns_enter_on_v1(ns_enter):
    """A program that is ns-enter without the unified hierarchy mounted: the freezer's kills."""
    if not os.path.exists("/sys/fs/cgroup/freezer"):
        pytest.skip("needs the cgroup v1 freezer")
    with tempfile.NamedTemporaryFile("w", prefix="nsdbg-v1-", dir="/var/tmp", delete=False) as file:
        file.write("#!/bin/sh\nexec unshare -m sh -c 'umount /sys/fs/cgroup/unified && "
                   f"exec {ns_enter} \"$@\"' sh \"$@\"\n")
    os.chmod(file.name, 0o755)
    yield file.name
    os.unlink(file.name)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("way", WAYS)
def test_leaves_nothing_on_a_host_with_cgroup_v1_alone(ns_enter_on_v1, pid, way, end):
    running = session.Session(ns_enter_on_v1, pid, WAYS[way])
    try:
        running.wait_for_line(b"up")
        used = [cgroup for cgroup in session.cgroups_of(running.process.pid)]
        assert pathlib.Path("/sys/fs/cgroup/freezer/ns-debug") in {path.parent for path in used}
        assert not any("unified" in str(path) for path in used)
        ENDS[end](running)
        check_nothing_left(running)
    finally:
        running.close()
