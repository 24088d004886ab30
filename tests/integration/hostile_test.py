"""Targets that lay traps for whoever enters: none of them gets anything of the node."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

import pytest
import session

# Run as root in the target: takes what it can of newcomers in its PID namespace until its input
# ends, as a line each: links it can read, files it finds through them that only the node has,
# memory it can read, processes it can trace. An executable it opens without reading or writing, and
# tries to write it when nobody runs it any more, as runc was overwritten (CVE-2019-5736).
WATCHER = r'''
import ctypes, os, select, sys
token, libc = sys.argv[1], ctypes.CDLL(None, use_errno=True)
PTRACE_SEIZE, holds = 0x4206, False
seen, executables, known = set(), {}, set(os.listdir("/proc"))
def tell(*words):
    if words not in seen:
        seen.add(words)
        print(*words, flush=True)
def take(pid):
    process = f"/proc/{pid}"
    links = [f"{process}/{name}" for name in ("root", "cwd", "exe")]
    try:
        links += [f"{process}/fd/{fd}" for fd in os.listdir(f"{process}/fd")]
    except OSError:
        pass
    for link in links:
        name = link.split("/")[3]
        try:
            target = os.readlink(link)
            tell(name, target)
            if name == "exe" and target not in executables:
                executables[target] = os.open(link, os.O_PATH)
        except OSError:
            continue
        if os.path.exists(link + token):
            tell("NODE", name)
    try:
        os.close(os.open(f"{process}/mem", os.O_RDWR))
        tell("MEMORY")
    except OSError:
        pass
    if libc.ptrace(PTRACE_SEIZE, int(pid), None, None) == 0:
        tell("TRACED")
        os.kill(int(pid), 9)
        if not holds:
            os.waitpid(int(pid), 0x40000000)  # __WALL
print("watching", flush=True)
while not select.select([0], [], [], 0)[0]:
    for pid in os.listdir("/proc"):
        if pid.isdigit() and pid not in known:
            take(pid)
for target, fd in executables.items():
    try:
        os.close(os.open(f"/proc/self/fd/{fd}", os.O_WRONLY))
        tell("WRITABLE", target)
    except OSError as error:
        tell("refused", target, error.strerror)
print("done", flush=True)
'''


@contextlib.contextmanager
def watching_target(watcher: str, token: str, *privileges: str):
    """A target whose process watches, with the rights that setpriv's options leave it."""
    process = subprocess.Popen(
        ["unshare", "-n", "-u", "-i", "-m", "-p", "-f", "--kill-child", "--mount-proc", "setpriv",
         *privileges, "/usr/bin/python3", "-c", watcher, token], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "watching\n"
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as children:
            yield int(children.read().split()[0]), process
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()


def watched(ns_enter: str, watcher: str, privileges: list[str], mode: list[str]) -> list[str]:
    """What a watching target tells of twenty entries. ns-enter has a file that it has not."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder, watching_target(
            watcher, f"{folder}/token", *privileges) as (pid, process):
        entries = (f"mount -t tmpfs none {folder}; echo > {folder}/token; cd {folder}; "
                   f"for i in $(seq 20); do {ns_enter} -t {pid} {' '.join(mode)} -- /bin/true || "
                   "echo failed; done")
        result = subprocess.run(["unshare", "-m", "sh", "-ec", entries], capture_output=True,
                                text=True, check=True, timeout=60, stdin=subprocess.DEVNULL)
        process.stdin.close()
        lines = process.stdout.read().splitlines()
        assert lines.pop() == "done"
        # The one that may trace kills what it traces, and with that the entry fails.
        assert not result.stdout or "TRACED" in lines, result.stderr
        return lines


# What a runtime leaves a container: no SYS_PTRACE, no SYS_ADMIN.
CONTAINER = ["--bounding-set", "-sys_ptrace,-sys_admin,-sys_module"]


@pytest.mark.parametrize("mode", [
    ["--view", "toolbox"], ["--view", "host"], ["-p"], ["-m", "-p"], ["-a"],
    ["--view", "toolbox", "--profile", "sysadmin"]], ids=" ".join)
def test_a_target_without_the_right_to_trace_gets_nothing(ns_enter, mode):
    assert watched(ns_enter, WATCHER, CONTAINER, mode) == []


def test_in_the_container_view_a_target_gets_a_process_of_its_own_rights(ns_enter):
    lines = watched(ns_enter, WATCHER, CONTAINER, ["--view", "container"])
    own = os.path.realpath(ns_enter)
    assert not [line for line in lines if own in line or line.startswith("NODE")], lines
    assert {line for line in lines if line.startswith("exe ")} <= {"exe /usr/bin/true"}


def test_a_target_that_holds_the_command_cannot_hold_the_session(ns_enter):
    """A traced process that has died stays until its tracer has waited for it, and this one does
    not: neither the session's init nor we hear of the death."""
    watcher = WATCHER.replace("holds = 0x4206, False", "holds = 0x4206, True")
    with watching_target(watcher, "/none", *CONTAINER) as (pid, process):
        start = time.monotonic()
        result = session.run(ns_enter, pid, "--view", "container", "--timeout", "1s", "--", "sh",
                             "-c", "sleep 1000")
        assert result.returncode == 124, result
        assert time.monotonic() - start < 5
        process.stdin.close()
        assert "TRACED" in process.stdout.read().splitlines()


@pytest.mark.parametrize("mode", [["--toolbox", "/"], ["--view", "container"]], ids=" ".join)
def test_a_target_that_may_trace_cannot_write_our_program(ns_enter, mode, tmp_path):
    """It sees ns-enter for the moment of the entry; what it keeps of it is on a read-only mount."""
    watcher = WATCHER.replace("if libc.ptrace", "if False and libc.ptrace")  # a quiet one
    # One that nobody else runs: to write to a program that runs is refused before all else.
    own = shutil.copy(os.path.realpath(ns_enter), tmp_path)
    lines = []
    for _ in range(20):  # The moment is short, and the target may look away.
        lines += watched(own, watcher, [], mode)
        if f"exe {own}" in lines:
            break
    assert f"refused {own} Read-only file system" in lines, lines
    assert f"WRITABLE {own}" not in lines


@contextlib.contextmanager
def trapped_root(set_traps, last="true"):
    """A target whose root is a small tree with traps in it; yields its pid. `last` is a command of
    the target, run by busybox, when all else is ready."""
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
                  f"'/bin/busybox umount -l /old; /bin/busybox {last}; echo ready; "
                  "exec /bin/busybox cat'")
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
        result = session.run(ns_enter, pid, "--toolbox", "/", "--", "sh", "-c",
                             "cat /etc/resolv.conf; ls -l /etc/hostname; wc -c < /etc/hostname")
        assert result.returncode == 0, result.stderr
        secret = pathlib.Path("/etc/shadow").read_text(encoding="utf-8").splitlines()[0]
        assert secret not in result.stdout
        assert int(result.stdout.split()[-1]) < 1 << 20


@pytest.mark.parametrize("mode", [["--toolbox", "/"], ["--view", "container"], ["-m", "-p"]],
                         ids=" ".join)
@pytest.mark.parametrize("trap", ["mount -t tmpfs none /proc", "mount -o bind /etc /proc",
                                  "umount /proc"])
def test_a_target_without_a_proc_of_its_own_is_entered_all_the_same(ns_enter, mode, trap):
    """Nothing that ns-enter reads comes from the /proc of the target's mount namespace."""
    with trapped_root(lambda root: None, trap) as pid:
        result = session.run(ns_enter, pid, *mode, "--", "/bin/busybox", "sh", "-c",
                             "busybox ps 2>&1; exit 3")
        assert result.returncode == 3, result.stderr
        if mode[0] == "--toolbox":
            assert "busybox cat" in result.stdout


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


# As many as a session has open at its fullest, and some.
DESCRIPTORS = range(3, 48)
UP = "../../../../../../../../../.."


@pytest.mark.parametrize("mode", [["--toolbox", "/"], ["--view", "container"]], ids=" ".join)
def test_no_working_directory_leads_to_a_descriptor_of_ours(ns_enter, mode, tmp_path):
    """runc's CVE-2024-21626: a directory of the node that is still open when we go there."""
    (tmp_path / "secret").write_text("of the node", encoding="ascii")
    with trapped_root(lambda root: None) as pid:
        for fd in DESCRIPTORS:
            result = session.run(ns_enter, pid, *mode, f"--wdns=/proc/self/fd/{fd}", "--",
                                 "/bin/busybox", "cat", f"{UP}{tmp_path}/secret")
            assert result.returncode == 1 and not result.stdout, (fd, result)
            assert "working directory" in result.stderr


@pytest.mark.parametrize("mode", [["--toolbox", "/"], ["--view", "container"]], ids=" ".join)
def test_a_working_directory_outside_of_the_root_is_refused(ns_enter, mode):
    """That of a standard stream stays open, and is the caller's to give, but not to go to."""
    with trapped_root(lambda root: None) as pid:
        node_root = os.open("/var", os.O_RDONLY)
        try:
            result = subprocess.run([ns_enter, "-t", str(pid), *mode, "--wdns=/proc/self/fd/0",
                                     "--", "/bin/busybox", "pwd"], stdin=node_root, timeout=20,
                                    capture_output=True, text=True, check=False)
        finally:
            os.close(node_root)
        assert result.returncode == 1 and not result.stdout, result
        assert "outside of the root directory" in result.stderr


def programs_behind_descriptors(root: pathlib.Path) -> None:
    # To the file in the node's mount namespace, where this target's root is a folder.
    for fd in DESCRIPTORS:
        (root / "bin" / f"busybox-{fd}").symlink_to(
            f"/proc/self/fd/{fd}/{UP}{root}/bin/busybox")


def test_no_program_leads_to_a_descriptor_of_ours(ns_enter):
    with trapped_root(programs_behind_descriptors) as pid:
        for fd in DESCRIPTORS:
            result = session.run(ns_enter, pid, "--view", "container", "--",
                                 f"/bin/busybox-{fd}", "echo", "of the node")
            assert result.returncode in (126, 127) and not result.stdout, (fd, result)


def proc_and_dev_that_lie(root: pathlib.Path) -> None:
    (root / "dev" / "null").symlink_to("/dev/sda")
    (root / "dev" / "ptmx").symlink_to("/proc/1/fd/0")


def test_a_terminal_is_not_opened_through_a_trap(ns_enter):
    with trapped_root(proc_and_dev_that_lie) as pid:
        result = session.run(ns_enter, pid, "--view", "container", "--tty", "--", "true")
        assert result.returncode == 1
        assert "/dev/ptmx" in result.stderr
        toolbox = session.run(ns_enter, pid, "--toolbox", "/", "--tty", "--", "tty")
        assert toolbox.stdout == "/dev/pts/0\n", toolbox.stderr
