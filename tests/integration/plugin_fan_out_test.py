"""A command in many targets at once: lines, JSON, exit codes, bounds."""

import json
import os
import pty
import select
import subprocess

import pytest
from agent import API, EVERYTHING, NODE, TOKEN, Agent
from bed import Containerd
from bed.deadline import wait_until
from conftest import BUILD_DIR

PODS = ["web-1", "web-2", "web-3"]
# May enter one of them only.
ONE = {"token": "a-token-for-one-pod-only", "user": "one", "rules": [
    {"verbs": ["list"], "resources": ["pods"]},
    {"verbs": ["create"], "resources": ["pods/exec"], "names": ["web-2"]},
    {"verbs": ["use"], "resources": ["profiles"]}]}
_SECONDS = 60
_BOUND = 4 << 20


@pytest.fixture(scope="module")
def agent():
    with Containerd("2.1") as bed:
        for name in PODS:
            bed.run_container(bed.run_pod("shop", name), "app", image="busybox")
        bed.run_container(bed.run_pod("bank", "vault"), "safe", image="busybox")
        tokens = [{"token": TOKEN, "user": "admin", "rules": EVERYTHING}, ONE]
        with Agent(BUILD_DIR, bed.endpoint, tokens=tokens) as one:
            yield one


def command(agent: Agent, *arguments: str, token: str = TOKEN, namespace: str = "shop") -> dict:
    """How the plugin is started, without a kubeconfig of whoever runs the tests."""
    kept = {name: value for name, value in os.environ.items()
            if name not in ("KUBECONFIG", "NO_COLOR")}
    return {"args": [str(BUILD_DIR / "bin" / "kubectl-ns_debug"), "--agent",
                     f"https://localhost:{agent.port}", "--agent-ca", str(agent.ca), "--server",
                     "https://localhost:1", "--token", token, "-n", namespace, *arguments],
            "env": {**kept, "HOME": str(agent.path)}, "stdin": subprocess.DEVNULL}


def run(agent: Agent, *arguments: str, **options: str):
    """The plugin's end."""
    return subprocess.run(**command(agent, *arguments, **options), capture_output=True, text=True,
                          timeout=_SECONDS, check=False)


def objects(result) -> list[dict]:
    """Those of -o json, by pod."""
    return sorted((json.loads(line) for line in result.stdout.splitlines()),
                  key=lambda one: one["pod"])


def test_every_line_has_its_target_before_it(agent):
    script = "echo one; echo two; printf three; echo err >&2"
    result = run(agent, "--all-pods", "--", "sh", "-c", script)
    assert result.returncode == 0
    assert sorted(result.stdout.splitlines()) == sorted(
        f"shop/{pod} {word}" for pod in PODS for word in ("one", "two", "three"))
    said = result.stderr.splitlines()
    assert sorted(said[:-1]) == [f"shop/{pod} err" for pod in PODS]
    assert said[-1] == "3 targets: 3 succeeded"
    for pod in PODS:
        own = [line for line in result.stdout.splitlines() if line.startswith(f"shop/{pod} ")]
        assert [line.split()[1] for line in own] == ["one", "two", "three"]


def test_each_command_runs_in_its_own_pod(agent):
    result = run(agent, "--all-pods", "-q", "--", "readlink", "/proc/1/ns/net")
    assert (result.returncode, result.stderr) == (0, "")
    inodes = dict(line.split() for line in result.stdout.splitlines())
    for pod in PODS:
        truth = agent.call("GET", f"{API}/namespaces/shop/pods/{pod}").json()
        net = next(one["inode"] for one in truth["containers"][0]["namespaces"]
                   if one["kind"] == "net")
        assert inodes[f"shop/{pod}"] == f"net:[{net}]"


def test_one_that_fails_is_named(agent):
    result = run(agent, "--all-pods", "--", "sh", "-c",
                 "case $(hostname) in web-2) exit 3;; esac; echo fine")
    assert result.returncode == 247
    assert sorted(result.stdout.splitlines()) == ["shop/web-1 fine", "shop/web-3 fine"]
    assert result.stderr == "3 targets: 2 succeeded, 1 failed (shop/web-2: exit code 3)\n"


def test_one_that_is_refused_does_not_keep_the_others(agent):
    result = run(agent, "--all-pods", "--", "echo", "fine", token=ONE["token"])
    assert (result.returncode, result.stdout) == (247, "shop/web-2 fine\n")
    said = result.stderr.splitlines()
    assert len(said) == 3
    assert sorted(said)[1].startswith("shop/web-1 error: user \"one\" cannot create resource")
    assert "3 targets: 1 succeeded, 2 failed" in said[-1]


def test_an_object_for_each_target(agent):
    script = "echo out; echo err >&2; case $(hostname) in web-3) exit 9;; esac"
    result = run(agent, "--all-pods", "-o", "json", "--", "sh", "-c", script)
    assert result.returncode == 247
    for pod, one in zip(PODS, objects(result), strict=True):
        assert one.pop("durationMs") > 0
        assert one == {"namespace": "shop", "pod": pod, "node": NODE,
                       "exitCode": 9 if pod == "web-3" else 0, "stdout": "out\n",
                       "stdoutTruncated": False, "stderr": "err\n", "stderrTruncated": False}


def test_the_output_of_an_object_is_bounded_and_may_be_bytes(agent):
    result = run(agent, "--all-pods", "-o", "json", "--", "sh", "-c",
                 f"head -c {_BOUND + 1} /dev/zero; printf '\\377' >&2")
    assert result.returncode == 0
    for one in objects(result):
        assert one["stdout"] == "\0" * _BOUND
        assert (one["stdoutTruncated"], one["stderrBase64"]) == (True, "/w==")


def test_a_refusal_is_an_object_too(agent):
    result = run(agent, "--all-pods", "-q", "-o", "json", "--", "true", token=ONE["token"])
    assert (result.returncode, result.stderr) == (247, "")
    assert [one["exitCode"] for one in objects(result)] == [241, 0, 241]
    assert 'cannot create resource "pods/exec"' in objects(result)[0]["error"]


def test_no_more_than_so_many_at_a_time(agent):
    script = "cut -d' ' -f1 /proc/uptime; sleep 0.3; cut -d' ' -f1 /proc/uptime"
    result = run(agent, "--all-pods", "--max-parallel", "1", "--", "sh", "-c", script)
    assert result.returncode == 0
    times = [line.split() for line in result.stdout.splitlines()]
    assert [target for target, _ in times] == [f"shop/{pod}" for pod in PODS for _ in range(2)]
    assert [float(time) for _, time in times] == sorted(float(time) for _, time in times)


def test_nodes(agent):
    result = run(agent, "node", "--all", "--", "readlink", "/proc/1/ns/net")
    truth = agent.exec("shop/web-1", ["readlink", "/proc/1/ns/net"],
                       namespaces=["pid"]).json()["stdout"]
    assert result.returncode == 0, result
    assert result.stdout.startswith(f"node/{NODE} net:[")
    assert result.stderr == "1 target: 1 succeeded\n"
    assert truth.startswith("net:[")


def test_a_namespace_without_pods(agent):
    result = run(agent, "--all-pods", "--", "true", namespace="none")
    assert (result.returncode, result.stdout) == (242, "")
    assert "no running pods" in result.stderr


def test_all_namespaces(agent):
    result = run(agent, "--all-pods", "-A", "-q", "--", "true")
    assert (result.returncode, result.stderr) == (0, "")
    result = run(agent, "--all-pods", "-A", "-o", "json", "--", "true")
    assert [one["pod"] for one in objects(result)] == ["vault", *PODS]


def test_a_terminal_gets_colours(agent):
    master, slave = pty.openpty()
    with os.fdopen(master, "rb", buffering=0) as screen:
        with os.fdopen(slave, "wb") as terminal:
            process = subprocess.Popen(**command(agent, "--all-pods", "-q", "--", "echo", "x"),
                                       stdout=terminal, stderr=subprocess.DEVNULL)
        assert process.wait(_SECONDS) == 0
        text = b""
        while text.count(b"\n") < len(PODS):
            text += screen.read(4096)
    assert b"\x1b[36mshop/web-1\x1b[0m x\r\n" in text
    assert b"\x1b[32mshop/web-2\x1b[0m x\r\n" in text


def test_a_stdout_that_does_not_block_gets_all_of_it(agent):
    """Whoever shares it has made it so, as Node.js does, and reads slowly."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    # More than a pipe holds.
    with subprocess.Popen(**command(agent, "--all-pods", "-q", "--", "seq", "30000"),
                          stdout=writer, stderr=subprocess.PIPE) as process:
        wait_until(lambda: not select.select([], [writer], [], 0)[1], _SECONDS, "the pipe is full")
        os.close(writer)
        with os.fdopen(reader, "rb") as output:
            lines = output.read().splitlines()
        assert process.wait(_SECONDS) == 0, process.stderr.read()
    for pod in PODS:
        own = [line for line in lines if line.startswith(f"shop/{pod} ".encode())]
        assert [int(line.split()[1]) for line in own] == list(range(1, 30001))


def test_nobody_reads_any_more(agent):
    process = subprocess.Popen(**command(agent, "--all-pods", "--", "yes", "a-marker"),
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout.read(100)
    process.stdout.close()
    assert process.wait(_SECONDS) == 240
    wait_until(lambda: not agent.call("GET", f"{API}/sessions").json()["items"], _SECONDS,
               "the sessions are gone")


@pytest.mark.parametrize("arguments, code, why", [
    (["--all-pods"], 1, "a command behind --"),
    (["--all-pods", "-i", "--", "cat"], 1, "-i, -t"),
    (["-l", "app=web", "--", "true"], 1, "an agent knows neither labels nor workloads"),
    (["deploy/web", "--all-pods", "--", "true"], 1, "an agent knows neither labels nor workloads"),
    (["web-1", "--all", "--", "true"], 1, "`node --all`"),
    (["--all-pods", "--max-parallel", "0", "--", "true"], 1, "--max-parallel"),
])
def test_what_makes_no_sense(agent, arguments, code, why):
    result = run(agent, *arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert why in result.stderr
