"""What a session of a profile without SYS_ADMIN must not be able to do, as root in the toolbox."""

import os
import pathlib
import re
import subprocess
import tempfile

import pytest
import session

PROGRAMS = pathlib.Path(__file__).parent / "programs"

# Run in a session: follows every link of every process that it sees, and says which of them lead to
# a file that only the node's ns-enter has mounted.
WALK = r'''
import glob, os, sys
token, looked_at = sys.argv[1], 0
for process in glob.glob("/proc/[0-9]*") + ["/proc/self", "/proc/thread-self"]:
    for name in ("root", "cwd", "exe", "fd/*", "map_files/*", "task/*/root", "task/*/cwd",
                 "task/*/fd/*"):
        for link in glob.glob(f"{process}/{name}"):
            looked_at += 1
            for up in ("", "/..", "/../..", "/../../../../../.."):
                if os.path.exists(link + up + token):
                    print("FOUND", link + up, os.readlink(link))
print("looked at", looked_at)
'''


def compiled(folder: str, name: str) -> pathlib.Path:
    program = pathlib.Path(folder) / name
    subprocess.run(["gcc", "-static", "-O1", "-o", program, PROGRAMS / f"{name}.c"], check=True)
    return program


@pytest.fixture(scope="module")
def tools():
    """The program that tries to escape, where a session finds it: below our own root."""
    with tempfile.TemporaryDirectory(prefix="nsdbg-tools-", dir="/var/tmp") as folder:
        yield compiled(folder, "escape")


@pytest.fixture(scope="module")
def pid():
    with session.target() as found:
        yield found


@pytest.fixture(params=["general", "netadmin"])
def attempt(request, ns_enter, pid, tools):
    """Runs one attempt in a session and returns what it prints."""
    def run(*words: str, before: str = "") -> str:
        result = session.run(ns_enter, pid, "--view", "toolbox", "--profile", request.param, "--",
                             "sh", "-c", f'{before} exec "$0" "$@"', str(tools), *words)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()
    return run


@pytest.mark.parametrize("what, outcome", [
    ("mount", "EPERM"), ("umount", "EPERM"), ("remount", "EPERM"), ("pivot_root", "EPERM"),
    ("open_tree", "EPERM"), ("fsopen", "EPERM"), ("setns", "EPERM"), ("unshare_user", "EPERM"),
    ("unshare_mount", "EPERM"), ("clone_user", "EPERM"), ("clone3", "ENOSYS"), ("bpf", "EPERM"),
    ("module", "EPERM"), ("keyctl", "EPERM"), ("perf", "EPERM"), ("io_uring", "EPERM"),
    ("handle", "EPERM"), ("reboot", "EPERM"), ("settime", "EPERM"), ("mknod_block", "EPERM"),
    ("mknod_char", "EPERM"), ("mknod_fifo", "ok"), ("tiocsti", "EPERM"), ("tiocsti_high", "EPERM"),
    ("vsock", "EPERM"), ("newer", "ENOSYS"), ("x32", "ENOSYS"),
])
def test_the_system_call_is_refused(attempt, what, outcome):
    assert attempt(what) == f"{what} {outcome}"


@pytest.mark.parametrize("path", [
    "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", "/proc/sys/kernel/modprobe",
    "/sys/kernel/uevent_helper", "/proc/kcore", "/proc/keys", "/dev/new"])
def test_kernel_settings_cannot_be_written(attempt, path):
    assert attempt("open", path) in (f"open {error}" for error in ("EROFS", "ENOENT", "EACCES",
                                                                   "EPERM")) or path in (
        "/proc/kcore", "/proc/keys") and attempt("read", path) == "read ok"


def test_hidden_files_are_empty(attempt, ns_enter, pid):
    result = session.run(ns_enter, pid, "--view", "toolbox", "--", "sh", "-c",
                         "cat /proc/keys /proc/timer_list | wc -c")
    assert result.stdout.strip() == "0", result.stderr


def test_a_device_node_of_the_target_cannot_be_opened(attempt, pid, tools):
    node = pathlib.Path(f"/proc/{pid}/root/var/tmp/nsdbg-disk-{os.getpid()}")
    os.mknod(node, 0o60600, os.makedev(254, 0))
    try:
        inside = f"/var/tmp/{node.name}"
        # The runtimes let a container make such a node and forbid it to open it.
        assert attempt("read", f"/target{inside}") in ("read EACCES", "read EPERM")
        assert attempt("read", f"/proc/1/root{inside}") in ("read EACCES", "read EPERM")
    finally:
        node.unlink()


def test_processes_of_the_node_are_neither_seen_nor_signalled(attempt, ns_enter, pid):
    result = session.run(ns_enter, pid, "--view", "toolbox", "--", "sh", "-c", "ls /proc | grep -c "
                         "'^[0-9]*$'; ps -eo args")
    assert int(result.stdout.split()[0]) <= 6
    assert str(os.getpid()) not in result.stdout
    assert attempt("signal", "100000") == "signal ESRCH"


@pytest.mark.parametrize("profile", ["general", "netadmin"])
def test_no_link_in_proc_leads_to_the_nodes_root(ns_enter, pid, profile):
    # The target's own root is this machine's here, so what is looked for is on a mount that neither
    # the target nor the tools have.
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        walk = pathlib.Path(folder, "walk.py")
        walk.write_text(WALK, encoding="ascii")
        secret = pathlib.Path(folder, "secret")
        secret.mkdir()
        result = subprocess.run(
            ["unshare", "-m", "sh", "-ec", f"mount -t tmpfs none {secret}; echo > {secret}/token; "
             f"test -e /proc/self/root{secret}/token; "
             f"{ns_enter} -t {pid} --view toolbox --profile {profile} -- /usr/bin/python3 {walk} "
             f"{secret}/token"],
            capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL)
        assert "FOUND" not in result.stdout, result.stdout
        assert int(result.stdout.split()[-1]) > 20, result.stderr


def test_the_sessions_init_gives_nothing_away(ns_enter, pid, tools):
    """With SYS_PTRACE the command may trace it: it holds a pipe and its signals, and no rights."""
    script = ("init=$(pgrep -f '^ns-enter: init'); grep -E 'Cap(Prm|Eff|Inh|Amb)|NoNewPrivs' "
              f"/proc/$init/status; readlink /proc/$init/root /proc/$init/cwd; {tools} trace $init")
    result = session.run(ns_enter, pid, "--view", "toolbox", "--", "sh", "-c", script)
    assert result.returncode == 0, result.stderr
    kill_only = f"{1 << 5:016x}"
    assert re.findall(r"Cap(\w+):\s(\w+)", result.stdout) == [
        ("Inh", "0" * 16), ("Prm", kill_only), ("Eff", kill_only), ("Amb", "0" * 16)]
    assert "NoNewPrivs:\t1" in result.stdout
    fds = re.findall(r"^fd (.*)$", result.stdout, re.MULTILINE)
    assert sorted(fd.split(":")[0] for fd in fds) == ["anon_inode", "pipe"], fds


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="take_over.c knows x86-64 only")
def test_a_traced_init_can_do_no_more_than_the_command(ns_enter, pid):
    """System calls made in the init's name: its filter is the command's, so that not even a user
    namespace of its own, with every capability in it, can be had."""
    outcomes = {"getpid": "ok", "unshare_user": "EPERM", "unshare_mount": "EPERM", "mount": "EPERM",
                "umount": "EPERM", "mknod": "EPERM", "bpf": "EPERM", "raw_socket": "EPERM",
                "sysctl": "EROFS", "write_exe": None}
    with tempfile.TemporaryDirectory(prefix="nsdbg-tools-", dir="/var/tmp") as folder:
        take_over = compiled(folder, "take_over")
        attack = f"exec {take_over} $(pgrep -f '^ns-enter: init') {' '.join(outcomes)}"
        result = session.run(ns_enter, pid, "--view", "toolbox", "--", "sh", "-c", attack)
        assert result.returncode == 0, result.stdout
        found = dict(line.split() for line in result.stdout.splitlines())
        # The former when ns-enter lies on a read-only mount of its own accord.
        assert found["write_exe"] in ("EROFS", "ETXTBSY")
        assert found == {**outcomes, "write_exe": found["write_exe"]}
        # Of an init with more rights than the command nothing can be had at all.
        result = session.run(ns_enter, pid, "--toolbox", "/", "--profile", "baseline",
                             "--cap-drop", "KILL", "--", "sh", "-c",
                             f"exec {take_over} $(pgrep -f '^ns-enter: init') getpid")
        assert result.stdout == "attach: EPERM\n"


def test_the_nodes_ns_enter_cannot_be_written_through_a_session(ns_enter, pid):
    """CVE-2019-5736: /proc/PID/exe of the session's init is the program of the next session. While
    it runs writing is ETXTBSY; that it is refused afterwards too is the read-only mount it is on."""
    script = ("init=$(pgrep -f '^ns-enter: init'); python3 -c 'import os, sys; "
              "print(os.statvfs(sys.argv[1]).f_flag & os.ST_RDONLY)' /proc/$init/exe")
    result = session.run(ns_enter, pid, "--view", "toolbox", "--", "sh", "-c", script)
    assert result.stdout.strip() == str(os.ST_RDONLY), result.stderr


def test_a_way_out_of_a_chroot_ends_in_the_view(attempt):
    # /target is in the view and nowhere else.
    assert attempt("chroot", "/target") == "chroot ok"


def test_the_next_session_has_clean_tools(ns_enter, pid):
    dirty = ("echo evil > /usr/bin/ss; echo evil > /etc/ld.so.preload; rm /bin/cat; touch /evil "
             "/tmp/evil /run/evil; echo done")
    made = session.run(ns_enter, pid, "--view", "toolbox", "--", "sh", "-c", dirty)
    assert made.stdout == "done\n"
    clean = session.run(ns_enter, pid, "--view", "toolbox", "--", "sh", "-c",
                        "ls /evil /tmp/evil /run/evil /etc/ld.so.preload; ss -V; cat /dev/null")
    assert clean.stderr.count("No such file") == 4
    assert "iproute2" in clean.stdout
    assert not os.path.exists("/evil")


def test_the_limits_hold(ns_enter, pid):
    bomb = ("import os, sys\ncount = 0\ntry:\n  while True:\n    if os.fork() == 0:\n"
            "      import time; time.sleep(100)\n    count += 1\nexcept OSError as e:\n"
            "  print(count, e.errno)")
    result = session.run(ns_enter, pid, "--view", "toolbox", "--pids", "40", "--", "python3", "-c",
                         bomb)
    count, error = map(int, result.stdout.split())
    assert 30 < count < 40 and error == 11
    greedy = session.run(ns_enter, pid, "--view", "toolbox", "--memory", "64Mi", "--", "python3",
                         "-c", "b'x' * (200 << 20)")
    assert greedy.returncode == -9, greedy
