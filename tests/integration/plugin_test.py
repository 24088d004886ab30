"""kubectl ns-debug straight at an agent: streams, exit codes, the terminal, refusals."""

import hashlib
import os
import select
import signal
import subprocess
import termios

import pytest
from agent import EVERYTHING, TOKEN, Agent
from bed import Containerd
from bed.deadline import wait_until
from conftest import BUILD_DIR
from pty_terminal import Terminal

VIEWER = {"token": "a-token-of-somebody-who-may-only-look", "user": "viewer",
          "rules": [{"verbs": ["get", "list"], "resources": ["pods"]}]}
_SECONDS = 60


@pytest.fixture(scope="module")
def agent():
    with Containerd("2.1") as bed:
        pod = bed.run_pod("shop", "web")
        bed.run_container(pod, "app", image="busybox")
        tokens = [{"token": TOKEN, "user": "admin", "rules": EVERYTHING}, VIEWER]
        with Agent(BUILD_DIR, bed.endpoint, tokens=tokens) as one:
            yield one


def command(agent: Agent, *arguments: str, token: str = TOKEN) -> list[str]:
    """kubectl-ns_debug with what it needs to reach the agent."""
    return [str(BUILD_DIR / "bin" / "kubectl-ns_debug"), "--agent",
            f"https://localhost:{agent.port}", "--agent-ca", str(agent.ca), "--token", token, "-n",
            "shop", *arguments]


def environment(agent: Agent) -> dict[str, str]:
    """Without a kubeconfig of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items() if name != "KUBECONFIG"}
    return {**kept, "HOME": str(agent.path)}


def run(agent: Agent, *arguments: str, stdin: bytes = b"", token: str = TOKEN):
    """The plugin's end."""
    return subprocess.run(command(agent, *arguments, token=token), input=stdin,
                          capture_output=True, timeout=_SECONDS, env=environment(agent),
                          check=False)


def is_full(writer: int) -> bool:
    """Whether a pipe takes no more. Its bytes do not tell: a write starts a page of its own where it
    does not fit into what is left of the last one, so a full pipe may hold less than its size."""
    return not select.select([], [writer], [], 0)[1]


@pytest.mark.parametrize("code", [0, 1, 7, 126, 143, 255])
def test_exits_as_the_command_does(agent, code):
    result = run(agent, "web", "--", "sh", "-c", f"echo out; echo err >&2; exit {code}")
    assert (result.returncode, result.stdout, result.stderr) == (code, b"out\n", b"err\n")


def test_a_killed_command_is_128_and_the_signal(agent):
    assert run(agent, "web", "--", "sh", "-c", "kill -9 $$").returncode == 128 + signal.SIGKILL


def test_carries_bytes_both_ways_whole(agent):
    data = os.urandom(1 << 20) * 16
    result = run(agent, "-i", "pod/web", "--", "cat", stdin=data)
    assert result.returncode == 0, result.stderr
    assert hashlib.sha256(result.stdout).digest() == hashlib.sha256(data).digest()


def test_a_closed_stdout_ends_the_command(agent):
    process = subprocess.Popen(command(agent, "web", "--", "yes", "a-marker-of-this-test"),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=environment(agent))
    assert process.stdout.read(100)
    process.stdout.close()
    assert process.wait(_SECONDS) != 0
    process.stderr.close()
    wait_until(lambda: not agent.call("GET", "/apis/ns-debug.io/v1alpha1/sessions").json()["items"],
               _SECONDS, "the session is gone")


def test_whoever_waits_for_a_reader_that_has_stopped_can_leave(agent):
    reader, writer = os.pipe()
    with subprocess.Popen(command(agent, "web", "--", "yes"), stdout=writer,
                          stderr=subprocess.PIPE, env=environment(agent)) as process:
        try:
            wait_until(lambda: is_full(writer), _SECONDS, "the pipe is full")
            process.send_signal(signal.SIGINT)
            assert process.wait(_SECONDS) == 130
            assert b"interrupted by SIGINT" in process.stderr.read()
        finally:
            process.kill()
            os.close(reader)
            os.close(writer)


def test_a_closed_stdout_ends_a_command_that_says_no_more(agent):
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(command(agent, "web", "--", "sh", "-c", "echo x; sleep 600"),
                            stdout=writer, stderr=subprocess.PIPE, env=environment(agent),
                            timeout=_SECONDS, check=False)
    os.close(writer)
    assert b"write stdout: broken pipe" in result.stderr


@pytest.mark.parametrize("arguments, token, code, why", [
    (["none", "--", "true"], TOKEN, 242, b"no pod shop/none"),
    (["web", "-c", "none", "--", "true"], TOKEN, 242, b"no container none"),
    (["web", "--", "true"], VIEWER["token"], 241, b'"viewer" cannot create resource "pods/exec"'),
    (["web", "--", "true"], "a-token-that-nobody-has", 241, b"token"),
    (["web", "--profile", "god", "--", "true"], TOKEN, 244, b"profile: unknown profile 'god'"),
    (["web", "--nonsense", "--", "true"], TOKEN, 1, b"--nonsense"),
    (["web", "--namespce", "shop", "--", "true"], TOKEN, 1, b"Did you mean --namespace?"),
    (["statefulset/web", "--", "true"], TOKEN, 1, b"which pods a statefulset has"),
    (["web", "--as", "root", "--", "true"], TOKEN, 245, b"as"),
])
def test_says_what_is_wrong(agent, arguments, token, code, why):
    result = run(agent, *arguments, token=token)
    assert (result.returncode, result.stdout) == (code, b"")
    assert why in result.stderr
    assert token.encode() not in result.stderr


def test_nobody_listens(agent):
    arguments = command(agent, "web", "--", "true")
    arguments[2] = "https://localhost:1"
    result = subprocess.run(arguments, capture_output=True, timeout=_SECONDS,
                            env=environment(agent), check=False)
    assert result.returncode == 243
    assert b"connect to localhost port 1" in result.stderr


def test_an_agent_without_its_authority(agent):
    arguments = command(agent, "web", "--", "true")
    del arguments[3:5]
    result = subprocess.run(arguments, capture_output=True, timeout=_SECONDS,
                            env=environment(agent), check=False)
    assert (result.returncode, result.stdout) == (1, b"")
    assert b"--agent needs --agent-ca" in result.stderr


def test_an_agent_with_another_certificate_is_not_talked_to(agent, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x",
                    "-keyout", str(tmp_path / "k"), "-out", str(tmp_path / "c")],
                   check=True, capture_output=True)
    arguments = command(agent, "web", "--", "true")
    arguments[4] = str(tmp_path / "c")
    result = subprocess.run(arguments, capture_output=True, timeout=_SECONDS,
                            env=environment(agent), check=False)
    assert result.returncode == 245
    assert b"certificate" in result.stderr
    assert b"hint: nothing was sent: see that --agent-ca" in result.stderr


def test_a_terminal_has_its_size_and_passes_every_key(agent):
    script = ("stty size; trap 'echo interrupted; exit 9' INT; echo ready; "
              "while :; do sleep 0.1; done")
    terminal = Terminal(command(agent, "-it", "web", "--", "sh", "-c", script), environment(agent))
    terminal.read_until(b"33 77")
    terminal.read_until(b"ready")
    os.write(terminal.master, b"\x03")
    terminal.read_until(b"interrupted")
    assert terminal.end() == 9


def test_the_way_out_of_a_session_that_hangs(agent):
    script = "stty raw; echo ready; exec sleep 600"
    terminal = Terminal(command(agent, "-it", "web", "--", "sh", "-c", script), environment(agent))
    terminal.read_until(b"ready")
    assert not termios.tcgetattr(terminal.master)[3] & termios.ICANON
    os.write(terminal.master, b"\r~.")
    terminal.read_until(b"left with ~.")
    assert termios.tcgetattr(terminal.master)[3] & termios.ICANON
    assert terminal.end() == 130


def test_no_command_is_a_shell(agent):
    terminal = Terminal(command(agent, "web"), environment(agent))
    os.write(terminal.master, b"echo $((6 * 7)); exit 4\r")
    terminal.read_until(b"42")
    assert terminal.end() == 4


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT,
                                    signal.SIGSEGV, signal.SIGABRT])
def test_a_signal_gives_the_terminal_back(agent, number):
    terminal = Terminal(command(agent, "-it", "web", "--", "sh", "-c",
                                "stty raw; echo ready; sleep 600"), environment(agent))
    terminal.read_until(b"ready")
    assert not termios.tcgetattr(terminal.master)[3] & termios.ICANON
    os.kill(terminal.pid, number)
    _, status = os.waitpid(terminal.pid, 0)
    after = termios.tcgetattr(terminal.master)
    os.close(terminal.master)
    assert after[3] & termios.ICANON and after[3] & termios.ECHO
    fatal = number in (signal.SIGQUIT, signal.SIGSEGV, signal.SIGABRT)
    assert os.waitstatus_to_exitcode(status) == (-number if fatal else 130)
    wait_until(lambda: not agent.call("GET", "/apis/ns-debug.io/v1alpha1/sessions").json()["items"],
               _SECONDS, "the session is gone")


def test_a_tty_without_stdin_leaves_the_terminal_alone(agent):
    """As kubectl: else nobody would read what is typed, Ctrl-C least of all."""
    terminal = Terminal(command(agent, "-t", "web", "--", "sh", "-c",
                                "tty; echo ready; exec sleep 600"), environment(agent))
    assert b"not a tty" in terminal.read_until(b"ready")
    assert termios.tcgetattr(terminal.master)[3] & termios.ICANON
    os.write(terminal.master, b"\x03")
    terminal.read_until(b"interrupted by SIGINT")
    assert terminal.end() == 130


def test_a_tty_that_is_none_is_told(agent):
    result = run(agent, "-it", "web", "--", "sh", "-c", "tty; true")
    assert (result.returncode, result.stdout) == (0, b"not a tty\n")
    assert result.stderr == (
        b"Unable to use a TTY - input is not a terminal or the right kind of file\n")
    assert run(agent, "-q", "-it", "web", "--", "true").stderr == b""
