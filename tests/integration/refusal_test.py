"""Bad input and failed steps: one clear line on stderr, the right exit code, nothing changed and
nothing left running. And what an entry by pid does not do: load or start anything else."""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest
import reference
import targets

pytestmark = targets.NEEDS_ROOT
NOBODY = targets.as_user(targets.CALLER)
SETUP_FAILED, CANNOT_EXECUTE, NOT_FOUND = 1, 126, 127


@pytest.fixture(scope="module")
def pool():
    started = targets.Pool()
    yield started
    started.close()


def needs_strace():
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")


def session_of(pid: int) -> int:
    """-1 when the process is gone."""
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return -1


def refused(command, code=SETUP_FAILED, **options) -> str:
    """Asserts the shape of a refusal and returns its one line, without the program's name."""
    result = reference.run(command, **options)
    assert (result.code, result.stdout) == (code, ""), result
    # The program led a session of its own: whoever is left of it is its doing.
    assert not [p for p in os.listdir("/proc") if p.isdigit() and session_of(int(p)) == result.pid]
    assert re.fullmatch(r"ns-enter: [ -~]+\n", result.stderr), result.stderr
    line = result.stderr.removeprefix("ns-enter: ").rstrip("\n")
    assert not line.endswith(".") and len(line) < 300
    return line


COMMAND_LINES = [
    ("-t 99999999 -u", "no process with pid 99999999"),
    ("-t -5 -u", "'-5' is not a process"),
    ("-t 4294967297 -u", "'4294967297' is not a process"),
    ("-t {pid}:1 -u", "pid {pid} is another process now"),
    ("-t {pid}: -u", "'' is not a pidfd inode"),
    ("-t {pid}:abc -u", "'abc' is not a pidfd inode"),
    ("-t {pid} -t {pid} -u", "more than one target"),
    ("--pod a/b --docker c", "more than one target"),
    ("-t {pid} --container c", "--container names a target of its own"),
    ("-u", "--uts without a file needs the process of a target"),
    ("-a", "needs the process of a target"),
    ("", "no namespace specified"),
    ("-t {pid}", "no namespace specified"),
    ("-t", "option '-t' needs an argument"),
    ("-t {pid} --setuid", "needs an argument"),
    ("-t {pid} --nonsense", "unknown or ambiguous option '--nonsense'"),
    ("-t {pid} --u", "unknown or ambiguous option '--u'"),
    ("-t {pid} --no-fork=1 -u", "option"),
    ("-t {pid} -u -S root", "--setuid: 'root' is neither a number nor 'follow'"),
    ("-t {pid} -u -G 4294967295", "--setgid: '4294967295' is neither"),
    ("-t {pid} -u -S -1", "--setuid: '-1' is neither"),
    ("-u/proc/{pid}/ns/uts -S follow", "'follow' needs the process of a target"),
    ("-u/proc/{pid}/ns/uts -e", "--env needs the process of a target"),
    ("-u/proc/{pid}/ns/uts -c", "--join-cgroup needs the process of a target"),
    ("-u/proc/{pid}/ns/uts -Z", "--follow-context needs the process of a target"),
    ("-u/proc/{pid}/ns/uts -r", "its root needs the process of a target"),
    ("-u/proc/{pid}/ns/uts -w", "its cwd needs the process of a target"),
    ("-N 1", "--net-socket needs the process of a target"),
    ("--user-parent", "--user-parent needs the process of a target"),
    ("-t {pid} -N x", "--net-socket: 'x' is not a descriptor"),
    ("-t {pid} -N 0", "descriptor 0 of process {pid} is not a socket"),
    ("-t {pid} -N 999", "take descriptor 999 of process {pid}: bad file descriptor"),
    ("-t {pid} -u -w -W/", "--wd and --wdns exclude each other"),
    ("-t {pid} -u -W", "--wdns needs a directory"),
    ("-t {pid} -u -W/nonexistent", "/nonexistent: no such file or directory"),
    ("-t {pid} -u -r/etc/passwd", "/etc/passwd: not a directory"),
    ("-t {pid} -U", "join user namespace of pid {pid}: we are in it already"),
    ("-t {pid} -u --user-parent", "open parent user namespace"),
    ("--pod web", "--pod: 'web' is not NAMESPACE/NAME"),
    ("--pod a/b/c", "--pod: 'a/b/c' is not"),
    ("--pod a/b --sandbox -c x", "--sandbox enters the pod's own namespaces"),
    ("-t {pid} -u --sandbox", "--sandbox goes with --pod"),
    ("-c --pod a/b", "-c before --pod means --join-cgroup"),
    ("--new nonsense", "unknown namespace 'nonsense'"),
    ("--new", "option '--new' needs an argument"),
    ("-t {pid} -u -o json", "--output goes with --explain"),
    ("-t {pid} -u --explain -o xml", "--output: 'xml' is neither text nor json"),
    ("-u/nonexistent", "--uts: open /nonexistent: no such file or directory"),
    ("-u/etc/passwd", "--uts: /etc/passwd is not a namespace file"),
    ("-u/dev/null", "/dev/null is not a namespace file"),
    ("-n/proc/{pid}/ns/uts", "is a uts namespace, not a net namespace"),
    ("-U/proc/self/ns/user", "join user namespace of /proc/self/ns/user: invalid argument"),
    ("-n:abc", "'abc' is not a namespace id"),
]


@pytest.mark.parametrize("arguments, message", COMMAND_LINES)
def test_command_line(ns_enter, pool, arguments, message):
    pid = pool["plain"].pid
    words = arguments.format(pid=pid).split()
    # "--" would be the argument that is missing.
    command = [] if words and words[-1] in ("-t", "--setuid", "--new") else ["--", "echo", "ran"]
    assert message.format(pid=pid) in refused([ns_enter, *words, *command])


def test_namespace_id_needs_a_newer_kernel(ns_enter):
    if tuple(map(int, os.uname().release.split(".")[:2])) >= (6, 19):
        pytest.skip("this kernel opens namespaces by id")
    line = refused([ns_enter, "--net=:12345", "true"])
    assert "Linux 6.19" in line and os.uname().release in line


def test_hostile_bytes_are_not_printed(ns_enter):
    line = refused([ns_enter, "-t", "\x1b[31m\n" + "x" * 5000, "-u", "true"])
    assert "\\x1b[31m\\x0a" in line


def test_fifo_in_place_of_a_file_does_not_hang(ns_enter, tmp_path):
    fifo = tmp_path / "net"
    os.mkfifo(fifo)
    assert f"{fifo} is not a namespace file" in refused([ns_enter, f"--net={fifo}", "true"])


def test_unreadable_file(ns_enter, tmp_path):
    program = reference.public_copy(ns_enter)
    line = refused([*NOBODY, program, "--net=/root/net", "true"])
    assert line == "--net: open /root/net: permission denied"


@pytest.mark.parametrize("command, code, reason", [
    (["/nonexistent"], NOT_FOUND, "no such file"),
    ([""], NOT_FOUND, "no such file"),
    (["/etc/passwd"], CANNOT_EXECUTE, "permission denied"),
    (["/etc"], CANNOT_EXECUTE, "permission denied"),
    (["/etc/passwd/x"], CANNOT_EXECUTE, "not a directory"),
])
@pytest.mark.parametrize("option", ["-u", "-p", "-a"])
def test_command_that_cannot_run(ns_enter, pool, option, command, code, reason):
    line = refused([ns_enter, "-t", str(pool["plain"].pid), option, "--", *command], code)
    assert line.startswith(f"execute {command[0]}: ") and reason in line
    assert ("target's file system" in line) == (option == "-a")


def test_zombie(ns_enter):
    zombie = subprocess.Popen(["true"])
    try:
        targets.wait_until(lambda: targets.state(zombie.pid) == "Z", "it exits")
        command = [ns_enter, "-t", str(zombie.pid), "-u", "true"]
        assert f"process {zombie.pid} has exited" in refused(command)
    finally:
        zombie.wait()


# In a PID namespace of its own, where nobody else takes numbers: prints what each step did as JSON.
_RECYCLE = """
import json, os, signal, subprocess, sys
def child():
    return subprocess.Popen(["sleep", "infinity"])
def recycle(old):
    old.kill(); old.wait()
    for _ in range(100):
        with open("/proc/sys/kernel/ns_last_pid", "w") as last:
            last.write(str(old.pid - 1))
        new = child()
        if new.pid == old.pid:
            return new
        new.kill(); new.wait()
    raise SystemExit("the pid was not recycled")
def run(*words):
    done = subprocess.run([sys.argv[1], *words], capture_output=True, text=True, timeout=20)
    return done.returncode, done.stdout, done.stderr
def stopped(pid):
    return os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT).si_code
first = child()
pidfd = os.pidfd_open(first.pid)
name = f"{first.pid}:{os.fstat(pidfd).st_ino}"
found = {"pid": first.pid, "before": run("-t", name, "-u", "echo", "x")}
second = recycle(first)
found["after"] = run("-t", name, "-u", "echo", "x")
found["pid alone"] = run("-t", str(second.pid), "-u", "echo", "x")
# Stopped right behind the lookup, by the tracer; the process then is another.
entering = subprocess.Popen(
    ["strace", "-D", "-o", "/dev/null", "-e", "trace=pidfd_open",
     "-e", "inject=pidfd_open:signal=SIGSTOP:when=1",
     sys.argv[1], "-t", str(second.pid), "-u", "echo", "x"],
    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
os.waitpid(entering.pid, os.WUNTRACED)
third = recycle(second)
os.kill(entering.pid, signal.SIGCONT)
out, err = entering.communicate(timeout=20)
found["meanwhile"] = entering.returncode, out, err
third.kill()
print(json.dumps(found))
"""


def test_recycled_pid_is_another_process(ns_enter):
    needs_strace()
    result = reference.run(["unshare", "-p", "-m", "-u", "--fork", "--kill-child", "--mount-proc",
                            "/usr/bin/python3", "-c", _RECYCLE, ns_enter])
    assert result.code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["before"] == [0, "x\n", ""]
    code, out, err = found["after"]
    assert (code, out) == (1, "") and f"pid {found['pid']} is another process now" in err
    # Without the inode the number is all there is to go by.
    assert found["pid alone"] == [0, "x\n", ""]
    code, out, err = found["meanwhile"]
    assert (code, out) == (1, "") and re.fullmatch(r"ns-enter: .*exited.*\n", err)


KINDS = {"mnt": "-m", "uts": "-u", "ipc": "-i", "net": "-n", "pid": "-p", "cgroup": "-C",
         "time": "-T"}


@pytest.mark.parametrize("kind", KINDS)
def test_without_privilege(ns_enter, pool, kind):
    target, program = pool["plain"], reference.public_copy(ns_enter)
    line = refused([*NOBODY, program, "-t", str(target.pid), KINDS[kind], "true"])
    assert f"open /proc/{target.pid}/ns/{kind}: permission denied (needs CAP_SYS_PTRACE" in line
    # A namespace file may be opened by anyone who gets at it: then it is the joining that fails.
    held = os.open(f"/proc/{target.pid}/ns/{kind}", os.O_RDONLY)
    try:
        line = refused([*NOBODY, program, f"{KINDS[kind]}/proc/self/fd/{held}", "true"],
                       pass_fds=[held])
    finally:
        os.close(held)
    assert f"join {kind} namespace of" in line and "(needs CAP_SYS_ADMIN" in line
    assert ("CAP_SYS_CHROOT" in line) == (kind == "mnt")


@pytest.mark.parametrize("arguments, message", [
    ("--new net", "create new net namespace: operation not permitted (needs CAP_SYS_ADMIN, or"),
    ("-U/proc/self/fd/{fd}", "join user namespace of"),
])
def test_without_privilege_in_other_ways(ns_enter, pool, arguments, message):
    held = os.open(f"/proc/{pool['with_user'].pid}/ns/user", os.O_RDONLY)
    try:
        words = arguments.format(fd=held).split()
        line = refused([*NOBODY, reference.public_copy(ns_enter), *words, "true"], pass_fds=[held])
    finally:
        os.close(held)
    assert message in line and "CAP_SYS_ADMIN" in line


def test_without_some_capabilities(ns_enter, pool):
    target = str(pool["plain"].pid)
    for drop, words, message in [
        ("sys_chroot", "-m", "CAP_SYS_CHROOT"),
        ("sys_chroot", "-u -r/usr", "change root: operation not permitted"),
        ("setuid", "-u -S 5 -G 5", "set user 5: operation not permitted"),
        ("setgid", "-u -G 5", "drop supplementary groups: operation not permitted"),
        ("sys_admin", "-u", "join uts namespace of"),
    ]:
        prefix = ["setpriv", f"--bounding-set=-{drop}", f"--inh-caps=-{drop}"]
        assert message in refused([*prefix, ns_enter, "-t", target, *words.split(), "true"])


def traced(ns_enter, tmp_path, strace, *arguments):
    """ns-enter under strace: the command and the file that has the trace."""
    needs_strace()
    trace = tmp_path / "trace"
    return ["strace", "-f", "-o", str(trace), *strace, ns_enter, *arguments], trace


FAILING_STEPS = [
    ("chroot", "EPERM", "-u -r", "change root: operation not permitted (needs CAP_SYS_CHROOT)"),
    ("chroot", "EIO", "-u -r", "change root: input/output error"),
    ("fchdir", "EIO", "-u -w", "enter the working directory: input/output error"),
    ("fchdir", "EIO", "-u -r", "enter the root directory: input/output error"),
    ("setgroups", "EPERM", "-u -G 5", "drop supplementary groups: operation not permitted"),
    ("setresgid", "EINVAL", "-u -G 5", "set group 5: invalid argument"),
    ("setresuid", "EAGAIN", "-p -S 5 -G 5", "set user 5: resource temporarily unavailable"),
    ("clone", "EAGAIN", "-p", "fork: resource temporarily unavailable"),
    ("clone", "ENOMEM", "-p", "the target's PID namespace has ended, or no memory is left"),
    ("unshare", "ENOSPC", "--new net", "create new net namespace: no space left on device"),
    ("mount", "EIO", "--new mnt", "make the new mount namespace private: input/output error"),
    ("mount -P/proc", "EIO", "--new mnt,pid", "mount proc of the PID namespace on /proc"),
    ("setns", "EPERM", "-u -n", "namespace of pid"),
    ("pidfd_open", "EMFILE", "-u", "too many open files"),
    ("pidfd_getfd", "EPERM", "-N 0", "take descriptor 0 of process"),
]


@pytest.mark.parametrize("call, error, arguments, message", FAILING_STEPS)
def test_step_that_fails_is_named(ns_enter, pool, tmp_path, call, error, arguments, message):
    name, *only = call.split()
    words = arguments.split()
    if "--new" not in words:
        words = ["-t", str(pool["plain"].pid), *words]
    strace = [*only, "-e", f"trace={name},execve", "-e", f"inject={name}:error={error}"]
    command, trace = traced(ns_enter, tmp_path, strace, *words, "echo", "ran")
    assert message in refused(command)
    assert trace.read_text().count("execve(") <= 1  # of ns-enter, none of the command


@pytest.mark.parametrize("name, arguments", [("plain", ["-a"]), ("with_user", ["-a"]),
                                             ("nested", ["-U", "-n", "-m", "-p"])])
def test_kernel_that_cannot_join_by_pidfd(ns_enter, pool, tmp_path, name, arguments):
    """Before Linux 5.8 setns(2) of a pidfd is EINVAL: the namespaces are joined one by one."""
    words = ["-t", str(pool[name].pid), *arguments, *reference.PROBE]
    strace = ["-e", "trace=setns", "-e", "inject=setns:error=EINVAL:when=1..2"]
    command, trace = traced(ns_enter, tmp_path, strace, *words)
    plain = reference.run([ns_enter, *words])
    old = reference.run(command)
    assert old.code == plain.code == 0, old.stderr
    found, expected = reference.findings(old), reference.findings(plain)
    assert found["links"] == expected["links"] and found["CapEff"] == expected["CapEff"]
    calls = [line for line in trace.read_text().splitlines() if "setns(" in line]
    assert ["EINVAL" in call for call in calls[:3]] == [True, True, False]
    assert not any("|" in call for call in calls[2:])


def test_entering_a_pid_loads_nothing(ns_enter, pool, tmp_path):
    headers = reference.run(["readelf", "-lWd", ns_enter]).stdout
    assert "LOAD" in headers and "INTERP" not in headers and "(NEEDED)" not in headers
    command, trace = traced(ns_enter, tmp_path, ["-e", "trace=execve,execveat,openat,open"],
                            "-t", str(pool["plain"].pid), "-a", "/bin/true")
    assert reference.run(command).code == 0
    before, _, _ = trace.read_text().partition('execve("/bin/true"')
    assert before.count("execve") == 1
    opened = re.findall(r'open(?:at)?\(.*?"(.*?)"', before)
    assert opened and all(path.startswith(("/proc/", "/sys/")) or "ns" in path for path in opened)
    assert ".so" not in before


def test_waiting_it_has_mapped_nothing_but_itself(ns_enter, pool):
    command = [ns_enter, "-t", str(pool["plain"].pid), "-a", "cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as process:
        try:
            targets.wait_until(lambda: any(targets.status(child).get("Name") == "cat"
                                           for child in targets.children(process.pid)), "cat runs")
            maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text()
            files = {line.split()[5] for line in maps.splitlines() if len(line.split()) > 5}
            assert {name for name in files if name.startswith("/")} == {os.path.realpath(ns_enter)}
        finally:
            process.send_signal(signal.SIGTERM)
