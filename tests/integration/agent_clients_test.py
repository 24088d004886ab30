"""The clients that people have: stock kubectl, Kubernetes' Python client, curl."""

import contextlib
import fcntl
import hashlib
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pytest
import yaml
from agent import API, TOKEN, Agent
from bed import Containerd, Unavailable
from bed.deadline import wait_until
from cluster.kubectl import fetch_kubectl
from conftest import BUILD_DIR
from kubernetes import client
from kubernetes.client.rest import ApiException
from kubernetes.stream import stream

_SECONDS = 120
READER = "a token of somebody who may look".replace(" ", "-")


@pytest.fixture(scope="module")
def bed():
    with Containerd("2.1") as one:
        pod = one.run_pod("shop", "web")
        one.run_container(pod, "app", image="busybox")
        one.run_container(pod, "side", image="busybox")
        yield one


@pytest.fixture(scope="module")
def agent(bed):
    tokens = [
        {"token": TOKEN, "user": "admin", "rules": [{"verbs": ["*"], "resources": ["*"]}]},
        {"token": READER, "user": "reader", "rules": [{"verbs": ["get"], "resources": ["pods"]}]},
    ]
    with Agent(BUILD_DIR, bed.endpoint, tokens=tokens) as one:
        yield one


@pytest.fixture(scope="module")
def kubectl(agent):
    """kubectl's command line up to its subcommand, with a kubeconfig that has no token."""
    try:
        program = fetch_kubectl()
    except Unavailable as reason:
        pytest.skip(str(reason))
    config = agent.path / "kubeconfig"
    config.write_text(yaml.safe_dump({
        "apiVersion": "v1", "kind": "Config", "current-context": "agent",
        "clusters": [{"name": "agent", "cluster": {
            "server": f"https://127.0.0.1:{agent.port}", "certificate-authority": str(agent.ca)}}],
        "contexts": [{"name": "agent", "context": {
            "cluster": "agent", "user": "nobody", "namespace": "shop"}}],
        "users": [{"name": "nobody", "user": {}}]}))
    return [str(program), "--kubeconfig", str(config), "--cache-dir", str(agent.path / "cache")]


def execute(kubectl: list[str], *words: str, token: str = TOKEN,
            stdin: bytes = b"") -> subprocess.CompletedProcess:
    """One kubectl exec to its end."""
    return subprocess.run([*kubectl, "--token", token, "exec", *words], input=stdin,
                          capture_output=True, timeout=_SECONDS, check=False)


# --- kubectl


@pytest.mark.parametrize("script, code", [
    ("exit 0", 0), ("exit 3", 3), ("exit 127", 127), ("kill -KILL $$", 137)])
def test_kubectl_tells_exit_codes(kubectl, script, code):
    done = execute(kubectl, "web", "--", "sh", "-c", f"echo out; echo err >&2; {script}")
    assert (done.returncode, done.stdout) == (code, b"out\n"), done.stderr
    assert done.stderr.startswith(b"Defaulted container \"app\" out of: app, side\nerr\n")


def test_kubectl_chooses_a_container(kubectl):
    done = execute(kubectl, "web", "-c", "side", "--", "echo", "here")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"here\n", b"")


def test_kubectl_sends_a_pipe_to_its_end(kubectl):
    done = execute(kubectl, "-i", "web", "-c", "app", "--", "wc", "-c", stdin=b"x" * 100_000)
    assert (done.returncode, done.stdout.strip()) == (0, b"100000"), done.stderr


def test_kubectl_without_input_gives_none(kubectl):
    done = execute(kubectl, "web", "-c", "app", "--", "wc", "-c", stdin=b"not sent")
    assert (done.returncode, done.stdout.strip()) == (0, b"0"), done.stderr


def test_kubectl_carries_a_hundred_megabytes_both_ways(kubectl):
    data = os.urandom(1 << 20) * 100
    done = execute(kubectl, "-i", "web", "-c", "app", "--", "cat", stdin=data)
    assert done.returncode == 0, done.stderr
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


@pytest.mark.parametrize("words, token, told", [
    (["nowhere", "--", "true"], TOKEN, "no pod shop/nowhere"),
    (["web", "-c", "none", "--", "true"], TOKEN, "none"),
    (["web", "-c", "app", "--", "true"], "wrong", "Unauthorized|logged in"),
    (["web", "-c", "app", "--", "true"], READER, "reader.*create.*pods/exec")])
def test_kubectl_shows_why_it_is_refused(kubectl, words, token, told):
    done = execute(kubectl, *words, token=token)
    said = done.stderr.decode()
    assert done.returncode == 1 and re.search(told, said), said
    assert "SPDY" not in said and "upgrade" not in said, said


def test_kubectl_shows_why_a_command_cannot_run(kubectl):
    done = execute(kubectl, "web", "-c", "app", "--", "no-such-program")
    assert done.returncode == 127
    assert b"no-such-program" in done.stderr, done.stderr


@contextlib.contextmanager
def on_terminal(kubectl: list[str], *command: str):
    """kubectl exec -it on a terminal of its own; yields its process and the terminal's master."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*kubectl, "--token", TOKEN, "exec", "-it", "web", "-c", "app", "--", *command],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    try:
        yield process, master
    finally:
        process.kill()
        process.wait()
        os.close(master)


def read_until(master: int, pattern: bytes) -> bytes:
    """What the terminal shows, up to the pattern."""
    seen = b""
    end = time.monotonic() + _SECONDS
    while not re.search(pattern, seen):
        ready, _, _ = select.select([master], [], [], max(0, end - time.monotonic()))
        assert ready, f"{pattern!r} did not come in {_SECONDS} s: {seen!r}"
        try:
            seen += os.read(master, 4096)
        except OSError:  # the other end is closed
            raise AssertionError(f"{pattern!r} did not come: {seen!r}") from None
    return seen


def test_kubectl_terminal(kubectl):
    """A shell on a terminal: Ctrl-C ends its command and not kubectl, and its exit code arrives."""
    with on_terminal(kubectl, "sh") as (process, master):
        os.write(master, b"echo a$((1 + 1)); sleep 1234; echo after\n")
        read_until(master, rb"\na2\r\n")
        # A shell that is interrupted before it has started the command starts it all the same.
        wait_until(lambda: running("1234"), _SECONDS, "the command runs")
        os.write(master, b"\x03")
        # The shell's prompt again, whether it goes on with the line or not.
        os.write(master, b"echo b$((1 + 1)); tty; exit 9\n")
        read_until(master, rb"\nb2\r\n/dev/pts/[0-9]+\r\n")
        assert process.wait(_SECONDS) == 9


def test_kubectl_resizes_the_terminal(kubectl):
    with on_terminal(kubectl, "sh", "-c",
                     "trap 'stty size' WINCH; echo ready; while :; do sleep 0.1; done") as (
                         process, master):
        read_until(master, rb"ready")
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
        process.send_signal(signal.SIGWINCH)
        read_until(master, rb"33 101")
        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 64, 0, 0))
        process.send_signal(signal.SIGWINCH)
        read_until(master, rb"12 64")


def test_nothing_stays_when_kubectl_is_killed(kubectl, agent):
    word = "of-the-killed"
    with on_terminal(kubectl, "sh", "-c", "trap '' HUP; echo ready; sleep 1000; :", word) as (
            process, master):
        read_until(master, rb"ready")
        assert running(word)
        process.kill()
        wait_until(lambda: not running(word), 30, "the session is gone")
    assert agent.closed(word)["cause"] == "client gone"


def running(word: str) -> list[str]:
    """Pids of what has this word among its arguments, besides kubectl."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            arguments = pathlib.Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
            if b"kubectl" not in arguments[0] and word.encode() in arguments:
                found.append(pid)
    return found


# --- Kubernetes' Python client


@pytest.fixture(scope="module")
def api(agent):
    """Its core API, of an administrator."""
    configuration = client.Configuration(host=f"https://localhost:{agent.port}")
    configuration.ssl_ca_cert = str(agent.ca)
    configuration.api_key = {"authorization": f"Bearer {TOKEN}"}
    with client.ApiClient(configuration) as one:
        yield client.CoreV1Api(one)


def open_stream(api, command: list[str], **options):
    """One exec of the Python client, whose results are for the caller to read."""
    return stream(api.connect_get_namespaced_pod_exec, "web", "shop", container="app",
                  command=command, stdin=True, stdout=True, stderr=True, tty=False,
                  _preload_content=False, **options)


def test_python_client_reads_writes_and_knows_the_exit_code(api):
    session = open_stream(api, ["sh", "-c", "read -r line; echo got $line; echo err >&2; exit 4"])
    session.write_stdin("words\n")
    session.run_forever(timeout=_SECONDS)
    assert session.read_stdout() == "got words\n"
    assert session.read_stderr() == "err\n"
    assert session.returncode == 4


def test_python_client_tells_success(api):
    session = open_stream(api, ["true"])
    session.run_forever(timeout=_SECONDS)
    assert session.returncode == 0


def test_python_client_collects_everything(api):
    text = stream(api.connect_get_namespaced_pod_exec, "web", "shop", container="app",
                  command=["seq", "100000"], stdin=False, stdout=True, stderr=True, tty=False)
    assert text == "".join(f"{number}\n" for number in range(1, 100_001))


def test_python_client_is_told_why_it_is_refused(api):
    with pytest.raises(ApiException) as refused:
        stream(api.connect_get_namespaced_pod_exec, "nowhere", "shop", command=["true"],
               stdin=False, stdout=True, stderr=True, tty=False)
    assert "404" in str(refused.value)


# --- curl


def curl(agent: Agent, path: str, *options: str, token: str | None = TOKEN) -> tuple[int, dict]:
    """The HTTP status and the JSON that curl gets."""
    header = [] if token is None else ["-H", f"Authorization: Bearer {token}"]
    done = subprocess.run(
        ["curl", "-sS", "--cacert", str(agent.ca), "-w", "\n%{http_code}", *header, *options,
         f"https://localhost:{agent.port}{path}"],
        capture_output=True, text=True, timeout=_SECONDS, check=True)
    body, _, code = done.stdout.rpartition("\n")
    return int(code), json.loads(body)


def test_curl_runs_a_command(agent):
    code, result = curl(agent, f"{API}/namespaces/shop/pods/web/exec", "-d",
                        '{"command": ["sh", "-c", "cat; exit 5"], "stdin": "hello"}')
    assert (code, result["exitCode"], result["stdout"]) == (200, 5, "hello")


@pytest.mark.parametrize("path, options, token, code", [
    ("/namespaces/shop/pods/web/exec", ["-d", '{"command": ["true"]}'], None, 401),
    ("/namespaces/shop/pods/web/exec", ["-d", '{"command": ["true"]}'], "wrong", 401),
    ("/namespaces/shop/pods/web/exec", ["-d", '{"command": ["true"]}'], READER, 403),
    ("/namespaces/shop/pods/nowhere/exec", ["-d", '{"command": ["true"]}'], TOKEN, 404),
    ("/no/such/path", [], TOKEN, 404),
    ("/namespaces/shop/pods/web/exec", ["-d", '{"command": "true"}'], TOKEN, 400),
    ("/namespaces/shop/pods/web/exec", ["-X", "PUT", "-d", "{}"], TOKEN, 405)])
def test_curl_is_told_why_it_is_refused(agent, path, options, token, code):
    got, status = curl(agent, API + path, *options, token=token)
    assert (got, status["kind"], status["code"]) == (code, "Status", code)
    assert status["message"]


def test_curl_is_told_that_its_body_is_too_large(agent):
    body = pathlib.Path(agent.path, "large")
    body.write_bytes(b'{"command": ["cat"], "stdin": "' + b"x" * (8 << 20) + b'"}')
    code, status = curl(agent, f"{API}/namespaces/shop/pods/web/exec", "--data-binary", f"@{body}")
    assert (code, status["reason"]) == (413, "RequestEntityTooLarge")
    code, status = curl(agent, f"{API}/namespaces/shop/pods/web/exec", "--data-binary", f"@{body}",
                        "-H", "Expect:")
    assert (code, status["reason"]) == (413, "RequestEntityTooLarge")
