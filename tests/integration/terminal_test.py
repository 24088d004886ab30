"""--tty: a terminal of the view's own, carried to and from the terminal that ns-enter runs on."""

import contextlib
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
import session


@pytest.fixture(scope="module")
def pid():
    with session.target() as found:
        yield found


class Screen:
    """ns-enter --tty on a pseudo-terminal of 24 by 80."""

    def __init__(self, ns_enter: str, pid: int, *command: str, view="toolbox"):
        self.master, self.slave = pty.openpty()
        self.resize(24, 80)
        self.settings = termios.tcgetattr(self.slave)
        self.text = ""
        self.process = subprocess.Popen(
            [ns_enter, "-t", str(pid), "--view", view, "--tty", "--", *command],
            stdin=self.slave, stdout=self.slave, stderr=self.slave, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def expect(self, wanted: str, seconds: float = 10) -> None:
        """Reads until the text has come, and forgets what came before it."""
        end = time.monotonic() + seconds
        while wanted not in self.text:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"no {wanted!r} in {self.text!r}"
            self.text += os.read(self.master, 65536).decode(errors="replace")
        self.text = self.text.split(wanted, 1)[1]

    def end(self, seconds: float = 10) -> int:
        """Reads on until ns-enter has ended; its exit status."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, self.text
            if select.select([self.master], [], [], 0.02)[0]:
                self.text += os.read(self.master, 65536).decode(errors="replace")
        while select.select([self.master], [], [], 0)[0]:
            self.text += os.read(self.master, 65536).decode(errors="replace")
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def screen(ns_enter, pid):
    with contextlib.ExitStack() as stack:
        def start(*command: str, **options) -> Screen:
            started = Screen(ns_enter, pid, *command, **options)
            stack.callback(started.close)
            return started
        yield start


def test_the_terminal_is_the_views_own_and_has_the_size_from_the_start(screen):
    shell = screen("sh", "-c", "tty; stty size; exit 6")
    assert shell.end() == 6
    assert shell.text == "/dev/pts/0\r\n24 80\r\n"


def test_a_resize_reaches_the_command(screen):
    shell = screen("bash", "-c",
                   "trap 'stty size; exit' WINCH; echo ready; while :; do sleep .1; done")
    shell.expect("ready")
    shell.resize(40, 120)
    shell.expect("40 120")
    assert shell.end() == 0


def test_control_keys_do_what_they_do(screen):
    shell = screen("bash", "--norc", "-i")
    shell.type("PS1='pro''mpt '\n")
    shell.expect("prompt ")
    # Keys not before the job runs: a shell that is about to start it would take them itself.
    shell.type("sh -c 'echo run''ning; exec sleep 1000'\n")
    shell.expect("running\r\n")
    shell.type("\x03")
    shell.expect("prompt ")
    # One process: a shell that is stopped between vfork(2) and exec would not be seen to stop.
    shell.type("perl -e '$| = 1; print qq(run), qq(ning\\n); sleep 2;"
               " print qq(fini), qq(shed\\n)'\n")
    shell.expect("running\r\n")
    shell.type("\x1a")
    shell.expect("Stopped")
    shell.expect("prompt ")
    shell.type("jobs; fg\n")
    shell.expect("finished\r\n")
    shell.expect("prompt ")
    shell.type("\x04")
    assert shell.end() == 0


def test_programs_that_draw_work(screen):
    less = screen("sh", "-c", "seq 1 100 | less")
    less.expect("23")
    less.type("G")
    less.expect("100")
    less.type("q")
    assert less.end() == 0
    top = screen("top", "-d", "100")
    top.expect("COMMAND")
    top.type("q")
    assert top.end() == 0


def test_no_output_is_lost_when_the_command_exits_at_once(screen):
    shell = screen("seq", "1", "20000")
    assert shell.end() == 0
    assert shell.text.split() == [str(number) for number in range(1, 20001)]


@pytest.mark.parametrize("ending", [
    lambda shell: shell.type("exit 3\n"),
    lambda shell: os.kill(shell.process.pid, signal.SIGTERM),
    lambda shell: os.kill(shell.process.pid, signal.SIGKILL),
])
def test_the_terminal_is_restored_whatever_happens(screen, ending):
    shell = screen("sh")
    shell.type("echo re''ady\n")
    shell.expect("ready")
    assert termios.tcgetattr(shell.slave) != shell.settings
    ending(shell)
    shell.end()
    assert session.wait_until(lambda: termios.tcgetattr(shell.slave) == shell.settings, 2)


def test_a_terminal_that_is_gone_ends_the_session(ns_enter, pid):
    """The connection to the node broke: what ran in the terminal gets the hang-up, and goes."""
    marker = f"NS_DEBUG_TEST={os.urandom(8).hex()}"
    shell = Screen(ns_enter, pid, "env", marker, "sh", "-c",
                   "trap '' HUP; setsid sleep 1000 & echo re''ady; sleep 1000; sleep 1000")
    try:
        shell.expect("ready")
        assert session.processes_with(marker)
        os.close(shell.slave)
        os.close(shell.master)
        assert shell.process.wait(5) != 0
        assert session.wait_until(lambda: not session.processes_with(marker), 1)
    finally:
        shell.master, shell.slave = pty.openpty()
        shell.close()


def test_output_waits_for_who_reads_it_late(screen):
    """More than all the buffers on the way: the command waits, and nothing is lost."""
    shell = screen("sh", "-c", "seq 1 200000; echo the end")
    assert not session.wait_until(lambda: shell.process.poll() is not None, 0.3)
    assert shell.end(30) == 0
    numbers = shell.text.split("the end")[0].split()
    assert numbers == [str(number) for number in range(1, 200001)]


def test_the_container_view_has_a_terminal_too(screen):
    shell = screen("sh", "-c", "test -t 0 && stty size", view="container")
    assert shell.end() == 0
    assert shell.text.endswith("24 80\r\n")


def test_without_a_terminal_of_our_own_the_command_still_has_one(ns_enter, pid):
    result = session.run(ns_enter, pid, "--view", "toolbox", "--tty", "--", "sh", "-c",
                         "tty; exit 4")
    assert (result.returncode, result.stdout) == (4, "/dev/pts/0\n")  # "\r\n" before Python read it
