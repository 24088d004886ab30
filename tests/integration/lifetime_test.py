"""ns-enter stands for its command: what is sent to it reaches the command, it ends as the command
ends, and it never leaves the command behind."""

import contextlib
import itertools
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

import pytest
import reference
import targets
from targets import wait_until

pytestmark = targets.NEEDS_ROOT
RACES = 200
RTMIN = int(signal.SIGRTMIN)
_MARKERS = itertools.count(1)
# Says each signal that it gets on a line of its own, forever.
REPORTER = """
import os, signal, sys
caught = [int(word) for word in sys.argv[2:]]
signal.pthread_sigmask(signal.SIG_BLOCK, caught)
print("ready", flush=True)
if sys.argv[1] == "group":
    os.killpg(0, signal.SIGRTMIN)
while True:
    print(signal.sigwait(caught).real, flush=True)
"""


@pytest.fixture(scope="module")
def target():
    with targets.plain() as started:
        yield started


@pytest.fixture
def marker():
    """A word that tells the processes of one test from all others; none of them may outlive it."""
    word = f"{os.getpid()}{next(_MARKERS):05}"
    try:
        yield word
        wait_until(lambda: not targets.find_processes(word), "nothing of the test is left")
    finally:
        for pid in targets.find_processes(word):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def running(command, **options):
    """A process that is ended with its block."""
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "text": True,
               "start_new_session": True, **options}
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        targets.end(process)


def entering(ns_enter, target, *arguments):
    return [ns_enter, "-t", str(target.pid), *arguments]


def reporter(mode, *caught):
    return ["/usr/bin/python3", "-S", "-c", REPORTER, mode, *(str(int(s)) for s in caught)]


FORWARDED = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1,
             signal.SIGUSR2, signal.SIGWINCH, signal.SIGALRM, signal.SIGCONT, signal.SIGTSTP,
             signal.SIGPIPE, signal.SIGSEGV, RTMIN, RTMIN + 1, signal.SIGRTMAX]


@pytest.mark.parametrize("arguments", [["-p"], ["-u"], ["-a"], ["-p", "-F"]], ids=" ".join)
def test_signals_reach_the_command_once(ns_enter, target, arguments):
    command = entering(ns_enter, target, *arguments, *reporter("alone", *FORWARDED))
    with running(command) as process:
        assert process.stdout.readline() == "ready\n"
        for number in FORWARDED:
            # One at a time: each answer shows that the one before did not come twice.
            process.send_signal(number)
            assert process.stdout.readline() == f"{int(number)}\n"
        assert process.poll() is None


def test_group_signal_of_the_command_does_not_come_back(ns_enter, target):
    # Realtime signals queue: of two none is lost, however fast they come.
    caught = [RTMIN, RTMIN + 1]
    with running(entering(ns_enter, target, "-p", *reporter("group", *caught))) as process:
        assert process.stdout.readline() == "ready\n"
        assert process.stdout.readline() == f"{RTMIN}\n"
        # ns-enter is in the group and has had its own before this.
        process.send_signal(RTMIN + 1)
        assert process.stdout.readline() == f"{RTMIN + 1}\n"


class Terminal:
    """A pty with a program on it, as its session leader and foreground process group."""

    def __init__(self, command):
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)
        self.seen = ""

    def write(self, text):
        os.write(self.master, text.encode())

    def expect(self, text):
        """Reads until `text` has come; returns what came before it."""
        deadline = time.monotonic() + targets.DEADLINE_SECONDS
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], deadline - time.monotonic())
            assert ready, f"no {text!r} in {self.seen!r}"
            self.seen += os.read(self.master, 4096).decode(errors="replace")
        before, _, self.seen = self.seen.partition(text)
        return before

    def close(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.master)


@contextlib.contextmanager
def terminal(command):
    opened = Terminal(command)
    try:
        yield opened
    finally:
        opened.close()


@pytest.mark.parametrize("key, number", [("\x03", signal.SIGINT), ("\x1c", signal.SIGQUIT)])
@pytest.mark.parametrize("arguments", [["-p"], ["-p", "-F"]], ids=" ".join)
def test_key_is_one_signal(ns_enter, target, arguments, key, number):
    caught = [number, signal.SIGUSR2]
    with terminal(entering(ns_enter, target, *arguments, *reporter("alone", *caught))) as tty:
        tty.expect("ready")
        tty.write(key)
        tty.expect(f"{int(number)}\r\n")
        # ns-enter has had the key's signal before this, and passes signals on in order.
        os.kill(tty.pid, signal.SIGUSR2)
        assert str(int(number)) not in tty.expect(f"{int(signal.SIGUSR2)}\r\n").split()


def test_resize_of_the_terminal_is_one_signal(ns_enter, target):
    caught = [signal.SIGWINCH, signal.SIGUSR2]
    with terminal(entering(ns_enter, target, "-p", *reporter("alone", *caught))) as tty:
        tty.expect("ready")
        termios.tcsetwinsize(tty.master, (33, 77))
        tty.expect(f"{int(signal.SIGWINCH)}\r\n")
        os.kill(tty.pid, signal.SIGUSR2)
        assert tty.expect(f"{int(signal.SIGUSR2)}\r\n").strip() == ""


def only_process(marker):
    """The command, without ns-enter, which has the marker on its command line as well."""
    found = wait_until(lambda: [pid for pid in targets.find_processes(marker)
                                if targets.status(pid).get("Name") == "sleep"], "command runs")
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("arguments", [["-p"], ["-a"], ["-u"], ["-p", "-F"]], ids=" ".join)
def test_job_control_of_a_shell(ns_enter, target, marker, arguments):
    command = " ".join(entering(ns_enter, target, *arguments, "sleep", marker))
    with terminal(["/bin/bash", "--norc", "--noprofile", "-i"]) as tty:
        tty.write("PS1='ok$? > '\n")
        tty.expect("ok0 > ")
        tty.write(command + "\n")
        pid = only_process(marker)
        tty.write("\x1a")
        tty.expect("Stopped")
        # 128 + SIGTSTP, or + SIGSTOP by which ns-enter, as nsenter, stops itself.
        assert re.search(r"ok14[78]$", tty.expect(" > "))
        assert targets.state(pid) == "T"
        tty.write("jobs\n")
        tty.expect("Stopped")
        tty.expect("ok0 > ")
        tty.write("fg\n")
        wait_until(lambda: targets.state(pid) == "S", "command continues")
        tty.write("\x03")
        tty.expect("ok130 > ")


def test_stopped_command_stops_ns_enter(ns_enter, target, marker):
    with running(entering(ns_enter, target, "-p", "sleep", marker)) as process:
        pid = only_process(marker)
        for _ in range(3):
            os.kill(pid, signal.SIGSTOP)
            wait_until(lambda: targets.state(process.pid) == "T", "ns-enter stops")
            assert targets.state(pid) == "T"
            process.send_signal(signal.SIGCONT)
            wait_until(lambda: targets.state(pid) == "S", "command continues")
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("arguments", [["-p"], ["-u"]], ids=" ".join)
@pytest.mark.parametrize("code", [0, 1, 2, 7, 125, 126, 127, 128, 129, 137, 254, 255])
def test_exit_code(ns_enter, target, arguments, code):
    command = ["sh", "-c", f"exit {code}"]
    assert reference.run(entering(ns_enter, target, *arguments, *command)).code == code


_NOT_ENDING = {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH, signal.SIGSTOP,
               signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}


@pytest.mark.parametrize("number", sorted(int(s) for s in signal.valid_signals() - _NOT_ENDING))
def test_ends_by_the_signal_that_ended_the_command(ns_enter, target, number):
    command = ["-p", "sh", "-c", f"kill -{number} $$"]
    ours = reference.run(entering(ns_enter, target, *command))
    theirs = reference.run([*reference.nsenter(reference.NEWEST), "-t", str(target.pid), *command])
    # Popen's negative code is WIFSIGNALED; a shell shows it as 128+N.
    assert ours.code == theirs.code == -number
    words = " ".join(entering(ns_enter, target, "-p", "sh", "-c", f"'kill -{number} $$'"))
    assert reference.run(["bash", "-c", f"{words}; exit $?"]).code == 128 + number


@pytest.mark.parametrize("arguments", [
    ["-p"], ["-a"], ["-p", "-S", "1000"], ["-p", "-S", "1000", "-G", "7"], ["-p", "-F"], ["-u"],
], ids=" ".join)
def test_command_dies_with_ns_enter(ns_enter, target, marker, arguments):
    with running(entering(ns_enter, target, *arguments, "sleep", marker)) as process:
        pid = only_process(marker)
        process.kill()
        wait_until(lambda: targets.state(pid) in ("", "Z"), "command dies")


def test_command_in_a_user_namespace_dies_with_ns_enter(ns_enter, marker):
    with targets.with_user() as target:
        with running(entering(ns_enter, target, "-a", "sleep", marker)) as process:
            pid = only_process(marker)
            process.kill()
            wait_until(lambda: targets.state(pid) in ("", "Z"), "command dies")


def test_killed_at_any_moment_it_leaves_nothing(ns_enter, target, marker):
    command = entering(ns_enter, target, "-a", "sleep", marker)
    for race in range(RACES):
        process = subprocess.Popen(command)
        # Not to wait for anything: to hit every moment of the first milliseconds.
        until = time.monotonic() + 0.005 * race / RACES
        while time.monotonic() < until:
            pass
        process.kill()
        process.wait()
    wait_until(lambda: not targets.find_processes(marker), "nothing is left")


def status_of_command(ns_enter, target, *arguments, **options):
    # Not a shell: it would set its own mind about SIGCHLD.
    command = entering(ns_enter, target, *arguments, "cat", "/proc/self/status")
    result = reference.run(command, **options)
    assert result.code == 0, result.stderr
    return dict(line.split(":", 1) for line in result.stdout.splitlines())


def bits(*numbers):
    return sum(1 << (number - 1) for number in numbers)


@pytest.mark.parametrize("arguments", [["-p"], ["-u"], ["-p", "-F"]], ids=" ".join)
def test_signal_dispositions_and_mask_are_passed_on(ns_enter, target, arguments):
    ignored = [signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1, signal.SIGPIPE]
    blocked = [signal.SIGUSR2, signal.SIGALRM]

    def prepare():
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    # Python would restore SIGPIPE behind our back.
    status = status_of_command(ns_enter, target, *arguments, preexec_fn=prepare,
                               restore_signals=False)
    assert int(status["SigIgn"], 16) & bits(*ignored) == bits(*ignored)
    assert int(status["SigBlk"], 16) == bits(*blocked)
    plain = status_of_command(ns_enter, target, *arguments)
    assert int(plain["SigBlk"], 16) == int(plain["SigIgn"], 16) == 0


def test_nohup_holds(ns_enter, target):
    caught = [signal.SIGUSR1]
    command = ["nohup", *entering(ns_enter, target, "-p", *reporter("alone", *caught))]
    with running(command, stderr=subprocess.DEVNULL) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGUSR1)
        assert process.stdout.readline() == f"{int(signal.SIGUSR1)}\n"


@pytest.mark.parametrize("ignore_children", [False, True])
def test_exit_code_where_the_starter_ignores_its_children(ns_enter, target, ignore_children):
    def prepare():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN if ignore_children else signal.SIG_DFL)

    command = entering(ns_enter, target, "-p", "sh", "-c", "exit 7")
    assert reference.run(command, preexec_fn=prepare).code == 7


@pytest.mark.parametrize("arguments", [["-p"], ["-u"]], ids=" ".join)
@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_closed_standard_descriptors_stay_closed(ns_enter, target, arguments, closed):
    # The exit code has a bit for each open one.
    script = "n=0; for i in 0 1 2; do [ -e /proc/self/fd/$i ] && n=$((n + (1 << i))); done; exit $n"

    def prepare():
        for number in closed:
            os.close(number)

    command = entering(ns_enter, target, *arguments, "sh", "-c", script)
    code = reference.run(command, preexec_fn=prepare, stdin=subprocess.DEVNULL).code
    assert code == 7 - sum(1 << number for number in closed)


@pytest.mark.parametrize("arguments", [["-p"], ["-u"], ["-a"], ["-p", "-F"]], ids=" ".join)
def test_command_inherits_no_child_and_no_descriptor(ns_enter, target, arguments):
    script = ("read -r children < /proc/thread-self/children; echo \"[$children]\"; "
              "exec ls /proc/self/fd")
    result = reference.run(entering(ns_enter, target, *arguments, "sh", "-c", script))
    # 3 is the directory that ls itself reads.
    assert result.stdout.split() == ["[]", "0", "1", "2", "3"]
