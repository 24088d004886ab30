"""Targets that lay traps for whoever enters: none of them gets anything of the node."""

import contextlib
import os
import pathlib
import subprocess
import tempfile

import pytest
import session

# Run as root in the target, with every capability: waits for newcomers in its PID namespace and takes
# of them what it can, as a line each.
WATCHER = r'''
import os, sys, time
seen, end = set(), time.time() + float(sys.argv[1])
known = set(os.listdir("/proc"))
print("watching", flush=True)
while time.time() < end:
    for pid in os.listdir("/proc"):
        if not pid.isdigit() or pid in known:
            continue
        for what in ("exe", "root", "cwd"):
            try:
                link = os.readlink(f"/proc/{pid}/{what}")
            except OSError:
                continue
            if (what, link) not in seen:
                seen.add((what, link))
                print(what, link, flush=True)
        try:
            for fd in os.listdir(f"/proc/{pid}/fd"):
                link = os.readlink(f"/proc/{pid}/fd/{fd}")
                if ("fd", link) not in seen:
                    seen.add(("fd", link))
                    print("fd", link, flush=True)
        except OSError:
            pass
        try:
            os.close(os.open(f"/proc/{pid}/exe", os.O_WRONLY))
            print("WRITABLE", os.readlink(f"/proc/{pid}/exe"), flush=True)
        except OSError:
            pass
'''


@contextlib.contextmanager
def watching_target(seconds: float, *privileges: str):
    """A target whose process watches, with the rights that setpriv's options leave it."""
    process = subprocess.Popen(
        ["unshare", "-n", "-u", "-i", "-m", "-p", "-f", "--kill-child", "--mount-proc", "setpriv",
         *privileges, "/usr/bin/python3", "-c", WATCHER, str(seconds)], stdout=subprocess.PIPE,
        text=True)
    try:
        assert process.stdout.readline() == "watching\n"
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
            yield int(children.read().split()[0]), process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


# What a runtime leaves a container: no SYS_PTRACE, no SYS_ADMIN.
CONTAINER = ["--bounding-set", "-sys_ptrace,-sys_admin,-sys_module"]


@pytest.mark.parametrize("view", ["toolbox", "container"])
def test_a_watching_target_gets_nothing_of_ns_enter(ns_enter, view):
    with watching_target(3, *CONTAINER) as (pid, watcher):
        for _ in range(5):
            assert session.run(ns_enter, pid, "--view", view, "--", "true").returncode == 0
        watcher.wait(20)
        lines = watcher.stdout.read().splitlines()
    own = os.path.realpath(ns_enter)
    assert not [line for line in lines if line.startswith("WRITABLE")]
    assert not [line for line in lines if own in line], lines
    # The command itself, with the container's rights, has its own files open.
    assert view == "container" or not [line for line in lines if line.startswith("fd ") and
                not line.startswith(("fd /dev/", "fd pipe:", "fd socket:", "fd /proc/"))], lines


def test_a_target_that_may_trace_sees_a_program_it_cannot_write(ns_enter):
    with watching_target(3) as (pid, watcher):
        for _ in range(5):
            assert session.run(ns_enter, pid, "--view", "toolbox", "--", "true").returncode == 0
        watcher.wait(20)
        lines = watcher.stdout.read().splitlines()
    assert not [line for line in lines if line.startswith("WRITABLE")], lines


@contextlib.contextmanager
def trapped_root(set_traps):
    """A target whose root is a small tree with traps in it; yields its pid."""
    with tempfile.TemporaryDirectory(prefix="nsdbg-trap-", dir="/var/tmp") as folder:
        root = pathlib.Path(folder)
        for name in ("bin", "etc", "proc", "dev", "tmp", "run", "sys"):
            (root / name).mkdir()
        busybox = root / "bin" / "busybox"
        busybox.write_bytes(pathlib.Path("/bin/busybox").read_bytes())
        busybox.chmod(0o755)
        set_traps(root)
        script = (f"mount --bind {root} {root} && cd {root} && mount -t proc proc proc && "
                  "mkdir -p old && pivot_root . old && exec /bin/busybox sh -c "
                  "'/bin/busybox umount -l /old; echo ready; exec /bin/busybox cat'")
        process = subprocess.Popen(["unshare", "-n", "-m", "-p", "-f", "--kill-child", "sh", "-c",
                                    script], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   env={"PATH": os.environ["PATH"]})
        try:
            assert process.stdout.readline() == b"ready\n"
            with open(f"/proc/{process.pid}/task/{process.pid}/children",
                      encoding="ascii") as children:
                yield int(children.read().split()[0])
        finally:
            process.stdin.close()
            process.wait(20)


def files_that_lie(root: pathlib.Path) -> None:
    os.symlink("/etc/shadow", root / "etc" / "resolv.conf")
    os.mkfifo(root / "etc" / "hosts")
    with open(root / "etc" / "hostname", "wb") as huge:
        huge.truncate(1 << 30)


def test_the_pods_files_cannot_lead_anywhere(ns_enter):
    with trapped_root(files_that_lie) as pid:
        result = session.run(ns_enter, pid, "--view", "toolbox", "--", "sh", "-c",
                             "cat /etc/resolv.conf; ls -l /etc/hostname; wc -c < /etc/hostname")
        assert result.returncode == 0, result.stderr
        secret = pathlib.Path("/etc/shadow").read_text(encoding="utf-8").splitlines()[0]
        assert secret not in result.stdout
        assert int(result.stdout.split()[-1]) < 1 << 20


def passwd_fifo(root: pathlib.Path) -> None:
    os.mkfifo(root / "etc" / "passwd")
    os.symlink("/proc/self/exe", root / "bin" / "sh")


@pytest.mark.parametrize("mode", [["-m", "-p"], ["--view", "container"]])
def test_a_shell_that_is_our_own_program_runs_with_the_targets_rights_only(ns_enter, mode):
    """runc's CVE-2019-5736: /bin/sh is a link to /proc/self/exe, and /etc/passwd hangs."""
    with trapped_root(passwd_fifo) as pid:
        result = subprocess.run([ns_enter, "-t", str(pid), *mode], capture_output=True, text=True,
                                check=False, timeout=20, stdin=subprocess.DEVNULL,
                                env={"PATH": os.environ["PATH"]})
        # ns-enter as a login shell: told to join nothing, it says so, and that is all.
        assert result.returncode == 1
        assert "no namespace specified" in result.stderr


def proc_and_dev_that_lie(root: pathlib.Path) -> None:
    (root / "dev" / "null").symlink_to("/dev/sda")
    (root / "dev" / "ptmx").symlink_to("/proc/1/fd/0")


def test_a_terminal_is_not_opened_through_a_trap(ns_enter):
    with trapped_root(proc_and_dev_that_lie) as pid:
        result = session.run(ns_enter, pid, "--view", "container", "--tty", "--", "true")
        assert result.returncode == 1
        assert "/dev/ptmx" in result.stderr
        toolbox = session.run(ns_enter, pid, "--view", "toolbox", "--tty", "--", "tty")
        assert toolbox.stdout == "/dev/pts/0\n", toolbox.stderr
