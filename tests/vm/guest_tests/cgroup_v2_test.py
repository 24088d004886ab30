"""Sessions on a host with nothing but cgroup v2, all controllers included."""

import os
import pathlib
import re
import signal
import subprocess

import pytest
import session

ROOT = pathlib.Path("/sys/fs/cgroup/ns-debug")
SECONDS = 10.0
# Longer than a session takes to start, on a busy machine too.
GUARD_LATE_US = 3_000_000
# It takes half a second. Less than the init's own patience, which is not what is to end it.
SET_UP_FAILS_SECONDS = 8.0


@pytest.fixture(scope="module")
def pid():
    with session.target() as found:
        yield found


@pytest.fixture
def start(ns_enter, pid):
    """Starts sessions that say "up"; whatever the test finds, they are ended."""
    running = []

    def run(script: str, *options: str, **more) -> session.Session:
        running.append(session.Session(ns_enter, pid, script, *options, **more))
        running[-1].wait_for_line(b"up")
        return running[-1]
    yield run
    for one in running:
        one.close()


def cgroup_of(running: session.Session) -> pathlib.Path:
    found = list(ROOT.glob(f"*-{running.process.pid}-*-*"))
    assert len(found) == 1
    return found[0]


def names_in(cgroup: pathlib.Path) -> list[str]:
    return [pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
            for pid in (cgroup / "cgroup.procs").read_text().split()]


def check_nothing_left(running: session.Session) -> None:
    assert session.wait_until(lambda: not running.leftovers(), SECONDS), running.leftovers()


def test_its_cgroup_has_its_limits(start):
    running = start("echo up; exec sleep 1000", "--memory", "64Mi", "--pids", "32", "--cpus", "0.5")
    cgroup = cgroup_of(running)
    limits = [(cgroup / name).read_text() for name in ("memory.max", "pids.max", "cpu.max")]
    assert limits == [f"{64 << 20}\n", "32\n", "50000 100000\n"]
    # Next to processes a cgroup can hand no controllers on (cgroups(7)), so there are none here.
    assert names_in(cgroup) == []
    assert session.wait_until(lambda: names_in(cgroup / "command") == ["sleep"], SECONDS)
    assert len(names_in(cgroup / "init")) == 1


def test_the_command_is_born_in_its_cgroup(ns_enter, pid):
    """CLONE_INTO_CGROUP: there is no moment in which the command could escape its limits."""
    trace = subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=clone3", "-o", "/dev/stdout", ns_enter, "-t", str(pid),
         "--view", "toolbox", "--", "cat", "/proc/self/cgroup"], capture_output=True, text=True,
        timeout=60, check=False, stdin=subprocess.DEVNULL)
    assert trace.returncode == 0, trace
    assert "CLONE_INTO_CGROUP" in trace.stdout
    assert re.search(r"^0::/(.*/)?ns-debug/\d+-\d+-\d+-[0-9a-f]+/command$", trace.stdout, re.MULTILINE)


def test_a_fork_bomb_meets_its_limit(start):
    running = start("bomb() { bomb | bomb & }; bomb 2>/dev/null; echo up; sleep 1000", "--pids",
                    "40")
    events = cgroup_of(running) / "pids.events"
    assert session.wait_until(lambda: "max 0" not in events.read_text(), SECONDS)
    assert len(session.processes_with(running.marker)) <= 40
    running.process.kill()
    check_nothing_left(running)


def test_a_greedy_command_is_killed_for_its_memory(ns_enter, pid):
    result = session.run(ns_enter, pid, "--view", "toolbox", "--memory", "64Mi", "--", "python3",
                         "-c", "b'x' * (200 << 20)")
    assert result.returncode == -signal.SIGKILL, result
    assert not list(ROOT.glob("*-*-*"))


def test_what_it_writes_to_tmp_counts_as_memory(ns_enter, pid):
    script = "dd if=/dev/zero of=/tmp/big bs=1M count=200; echo $?"
    result = session.run(ns_enter, pid, "--view", "toolbox", "--memory", "64Mi", "--", "sh", "-c",
                         script)
    assert result.returncode == -signal.SIGKILL or result.stdout.strip() != "0", result


@pytest.mark.parametrize("profile, allowed", [("general", False), ("sysadmin", True)])
def test_a_disk_of_the_node_cannot_be_opened(ns_enter, pid, profile, allowed):
    """Through the target's own root, where no mount option forbids it: only the device filter."""
    node = pathlib.Path(f"/proc/{pid}/root/var/tmp/disk-{os.getpid()}")
    os.mknod(node, 0o60600, os.stat("/dev/vda").st_rdev)
    try:
        script = f"echo > /dev/null && head -c 1 /proc/1/root/var/tmp/{node.name} | wc -c"
        result = session.run(ns_enter, pid, "--view", "toolbox", "--profile", profile, "--", "sh",
                             "-c", script)
        assert result.returncode == 0, result.stderr
        assert result.stdout.strip() == str(int(allowed))
        assert ("Operation not permitted" in result.stderr) != allowed
    finally:
        node.unlink()


LEAVES = {
    "setsid": "setsid sleep 1000 & echo up; sleep 1000",
    "daemon": "(setsid sh -c '(setsid sleep 1000 &) ; sleep 1000' &); echo up; sleep 1000",
    "stopped": "sleep 1000 & kill -STOP $!; echo up; sleep 1000",
}


def guard_of(pid: int) -> int:
    children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return next(int(child) for child in children
                if b"guard" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes())


ENDS = {
    "SIGKILL of ns-enter": lambda running: running.process.kill(),
    "SIGKILL of its guard": lambda running: os.kill(guard_of(running.process.pid), signal.SIGKILL),
    "starter gone": lambda running: running.drop_starter(),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("view", ["toolbox", "container"])
@pytest.mark.parametrize("way", LEAVES)
def test_leaves_nothing(start, way, view, end):
    running = start(LEAVES[way], view=view)
    ENDS[end](running)
    check_nothing_left(running)
    assert session.wait_until(lambda: running.process.poll() is not None, SECONDS)


def test_killed_before_its_guard_looked_it_leaves_nothing(ns_enter, pid, tmp_path):
    """A late guard finds both at once, what it was told of the session and the end of ns-enter;
    without a cgroup of the session's own, nothing else leads it to the processes."""
    late = tmp_path / "ns-enter-with-late-guard"
    # Only the guard calls setsid. -D: what we start is ns-enter itself, and strace its descendant.
    late.write_text("#!/bin/sh\nexec strace -D -f -qq -o /dev/null -e trace=setsid "
                    f"-e inject=setsid:delay_exit={GUARD_LATE_US} {ns_enter} \"$@\"\n")
    late.chmod(0o755)
    running = session.Session(str(late), pid, "(sleep 1000 &); echo up; sleep 1000",
                              view="container")
    try:
        running.wait_for_line(b"up")
        running.process.kill()
        check_nothing_left(running)
    finally:
        running.close()


def test_session_cgroups_may_lie_deeper(ns_enter, pid):
    parent = pathlib.Path("/sys/fs/cgroup/nsdbg-a")
    result = session.run(ns_enter, pid, "--view", "toolbox", "--cgroup-parent", "/nsdbg-a/nsdbg-b",
                         "--pids", "50", "--", "cat", "/proc/self/cgroup")
    try:
        assert "/nsdbg-a/nsdbg-b/" in result.stdout, result.stderr
        assert "pids" in (parent / "nsdbg-b/cgroup.subtree_control").read_text()
        assert not list((parent / "nsdbg-b").glob("*-*"))
    finally:
        for folder in (parent / "nsdbg-b", parent):
            if folder.is_dir():
                folder.rmdir()


def test_a_parent_with_processes_cannot_have_limits_and_that_is_told(ns_enter, pid):
    """A cgroup with processes gives its children no controllers; a session without its limits would
    be worse than none."""
    parent = pathlib.Path("/sys/fs/cgroup/nsdbg-busy")
    parent.mkdir()
    holder = subprocess.Popen(["sleep", "1000"])
    try:
        (parent / "cgroup.procs").write_text(str(holder.pid))
        result = session.run(ns_enter, pid, "--view", "toolbox", "--cgroup-parent", "/nsdbg-busy",
                             "--", "echo", "ran", timeout=SET_UP_FAILS_SECONDS)
        assert (result.returncode, result.stdout) == (1, "")
        assert re.fullmatch(r"ns-enter: limit the session: open .*/memory.max: .* \(its parent "
                            r"gives it no such controller, .*\)\n", result.stderr)
        assert not list(parent.glob("*-*"))
    finally:
        holder.kill()
        holder.wait()
        for left in parent.glob("*-*"):
            left.rmdir()
        parent.rmdir()
