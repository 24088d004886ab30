"""kubectl ns-debug through a real API server and kubelet, to an agent that runs as a pod."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess

import agent_pods
import pytest
from agent_pods import Plugin, pod
from bed.deadline import wait_until
from conftest import BUILD_DIR
from pty_terminal import Terminal

SECONDS = 60
BULK = 50 << 20
PLUGIN_IMAGE = "localhost/nsdbg/plugin:test"


@pytest.fixture(scope="module", name="cluster")
def cluster_fixture():
    with agent_pods.cluster_with_agent(BUILD_DIR) as running:
        running.apply(pod("web", {"name": "app"}, {"name": "side"}))
        running.wait_for_pod("shop", "web")
        yield running


@pytest.fixture(scope="module", name="bot")
def bot_fixture(cluster):
    """A service account, with a token."""
    path = cluster.folder / "bot.kubeconfig"
    token = cluster.control_plane.service_account("shop", "bot")
    config = json.loads(cluster.admin.read_text())
    config["users"][0]["user"] = {"token": token}
    path.write_text(json.dumps(config))
    return Plugin(cluster, BUILD_DIR, path)


@pytest.mark.parametrize("code", [0, 1, 3, 126, 255])
def test_exits_as_the_command_does(ann, code):
    done = ann.run("web", "-n", "shop", "-c", "app", "--", "sh", "-c",
                   f"echo out; echo err >&2; exit {code}")
    assert (done.code, done.stdout) == (code, b"out\n"), done.stderr
    assert done.stderr.startswith("err\n")


def test_a_token_opens_it_as_well(bot):
    done = bot.run("web", "-n", "shop", "-c", "app", "--", "hostname")
    assert (done.code, done.stdout, done.stderr) == (0, b"web\n", "")


@pytest.mark.parametrize("kind", ["token", "certificate"])
def test_a_credential_plugin(cluster, kind):
    status = {"token": cluster.control_plane.service_account("shop", "bot")}
    if kind == "certificate":
        ann = cluster.control_plane.user("ann")
        status = {"clientCertificateData": ann.certificate.read_text(),
                  "clientKeyData": ann.key.read_text()}
    answer = cluster.folder / f"{kind}.json"
    answer.write_text(json.dumps({"apiVersion": "client.authentication.k8s.io/v1",
                                  "kind": "ExecCredential", "status": status}))
    config = json.loads(cluster.admin.read_text())
    config["users"][0]["user"] = {"exec": {
        "apiVersion": "client.authentication.k8s.io/v1", "command": "cat", "args": [str(answer)],
        "interactiveMode": "Never"}}
    path = cluster.folder / f"exec-{kind}.kubeconfig"
    path.write_text(json.dumps(config))
    done = Plugin(cluster, BUILD_DIR, path).run("web", "-n", "shop", "-c", "app", "--", "hostname")
    assert (done.code, done.stdout, done.stderr) == (0, b"web\n", "")


@pytest.fixture(scope="module", name="plugin_image")
def plugin_image_fixture(cluster):
    agent_pods.import_programs(cluster, BUILD_DIR, PLUGIN_IMAGE, "kubectl-ns_debug")
    return PLUGIN_IMAGE


@pytest.mark.parametrize("account, code, told", [
    ("bot", 7, "web\n"),
    ("default", 241, "error: pods \"web\" is forbidden: User "
                     "\"system:serviceaccount:shop:default\" cannot get resource \"pods\""),
])
def test_in_a_pod_it_is_the_pods_account(cluster, admin, plugin_image, account, code, told):
    """A step of a runbook: no kubeconfig, no HOME, only what the kubelet gives every pod."""
    name = f"runbook-{account}"
    script = "unset HOME; exec kubectl-ns_debug \"$@\""
    cluster.apply(pod(
        name, {"name": "step", "image": plugin_image,
               "command": ["sh", "-c", script, "sh", "web", "-c", "app", "--", "sh", "-c",
                           "hostname; exit 7"]},
        serviceAccountName=account, restartPolicy="Never"))
    ended = cluster.wait_for(f"/api/v1/namespaces/shop/pods/{name}",
                             lambda found: found["status"]["phase"] in ("Succeeded", "Failed"),
                             f"{name} has ended")
    log = admin.end(admin.kubectl("logs", name, "-n", "shop")).stdout.decode()
    state = ended["status"]["containerStatuses"][0]["state"]["terminated"]
    assert state["exitCode"] == code, log
    assert log == told if code == 7 else log.startswith(told)


def test_six_round_trips(ann):
    done = ann.run("-v=6", "web", "-n", "shop", "-c", "app", "--", "true")
    assert done.code == 0
    assert '"Round trips" sequential=6 were="TCP, TLS, requests, upgrade,' in done.stderr


def test_kubectl_finds_the_plugin(ann):
    done = ann.end(ann.kubectl("ns-debug", "pod/web", "-n", "shop", "-c", "app", "--", "sh", "-c",
                               "cat; exit 5", ), stdin=b"")
    assert (done.code, done.stdout) == (5, b""), done.stderr


def test_sees_the_target_and_not_the_node(ann):
    done = ann.run("web", "-n", "shop", "-c", "app", "--", "ps", "-o", "pid,args")
    assert done.code == 0, done.stderr
    assert b"sleep 1000000" in done.stdout and b"ns-debug-agent" not in done.stdout


def test_stdin_has_an_end(ann):
    done = ann.run("-i", "web", "-n", "shop", "-c", "app", "--", "sh", "-c", "cat; echo end",
                   stdin=b"line\n")
    assert (done.code, done.stdout) == (0, b"line\nend\n"), done.stderr


def test_carries_much_in(ann):
    data = os.urandom(1 << 20) * (BULK >> 20)
    done = ann.run("-i", "web", "-n", "shop", "-c", "app", "--", "sha256sum", stdin=data)
    assert done.code == 0, done.stderr
    assert done.stdout.decode().split()[0] == hashlib.sha256(data).hexdigest()


def test_carries_much_out(ann):
    # What it says of the checksum goes another way than the bytes.
    script = f"head -c {BULK} /dev/urandom > /tmp/x; cat /tmp/x; sha256sum < /tmp/x >&2"
    done = ann.run("web", "-n", "shop", "-c", "app", "--", "sh", "-c", script)
    assert (done.code, len(done.stdout)) == (0, BULK), done.stderr
    assert done.stderr.split()[0] == hashlib.sha256(done.stdout).hexdigest()


def test_carries_much_both_ways_at_once(ann):
    data = os.urandom(1 << 20) * (BULK >> 20)
    done = ann.run("-i", "web", "-n", "shop", "-c", "app", "--", "cat", stdin=data)
    assert done.code == 0, done.stderr
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


def test_a_terminal_has_its_size_and_passes_every_key(ann):
    # The size is there from the start.
    script = ("stty size; trap 'echo interrupted; exit 9' INT; echo ready; "
              "while :; do sleep 0.1; done")
    terminal = Terminal(ann.command("-it", "web", "-n", "shop", "-c", "app", "--", "sh", "-c",
                                    script))
    terminal.read_until(b"33 77")
    terminal.read_until(b"ready")
    os.write(terminal.master, b"\x03")
    terminal.read_until(b"interrupted")
    assert terminal.end() == 9


def test_no_command_is_a_shell(ann):
    terminal = Terminal(ann.command("web", "-n", "shop", "-c", "app"))
    os.write(terminal.master, b"echo $((6 * 7)); exit 4\r")
    terminal.read_until(b"42")
    assert terminal.end() == 4


def test_an_interrupted_plugin_takes_its_command_along(ann, cluster):
    process = subprocess.Popen(
        ann.command("web", "-n", "shop", "-c", "app", "--", "sh", "-c",
                    "echo ready; exec sleep 86399"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(SECONDS) == 130
    assert b"interrupted" in process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    wait_until(lambda: not processes(b"sleep\x0086399"), SECONDS, "the command is gone")


def processes(command: bytes) -> list[str]:
    """Pids of the processes whose command line has these words."""
    found = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit():
                with open(f"/proc/{entry}/cmdline", "rb") as line:
                    found += [entry] if command in line.read() else []
    return found


# --- refusals

def test_who_may_only_look_is_refused_by_the_agent(bob):
    done = bob.run("web", "-n", "shop", "-c", "app", "--", "true")
    assert done.code == 241
    assert '"bob" cannot create resource "pods/exec"' in done.stderr


def test_who_may_nothing_is_refused_by_the_api_server(cluster):
    eve = Plugin(cluster, BUILD_DIR, cluster.control_plane.kubeconfig("eve", "eve"))
    done = eve.run("web", "-n", "shop", "--", "true")
    assert done.code == 241
    assert 'User "eve" cannot get resource "pods"' in done.stderr


def test_a_profile_that_was_not_granted(ann):
    done = ann.run("web", "-n", "shop", "-c", "app", "--profile", "sysadmin", "--", "true")
    assert done.code == 241 and "sysadmin" in done.stderr


def test_there_is_no_such_pod(ann):
    done = ann.run("none", "-n", "shop", "--", "true")
    assert done.code == 242
    assert 'pods "none" not found' in done.stderr


def test_there_is_no_agent(admin):
    done = admin.run("web", "-n", "shop", "--agent-namespace", "shop", "--", "true")
    assert done.code == 243
    assert "no ns-debug agent on node node-1" in done.stderr and "chart" in done.stderr


def broken_agent(name: str, container: dict) -> dict:
    one = pod(name, {"name": "agent", **container})
    one["metadata"] = {"namespace": name, "name": name,
                       "labels": {"app.kubernetes.io/name": "ns-debug"}}
    return one


@pytest.mark.parametrize("name, container, reason", [
    ("no-image", {"image": "localhost/nsdbg/none:bed"}, "ErrImageNeverPull"),
    ("crashes", {"command": ["false"]}, "CrashLoopBackOff"),
    ("not-ready", {"readinessProbe": {"exec": {"command": ["false"]}}}, "agent"),
])
def test_the_agent_is_not_ready(cluster, admin, name, container, reason):
    cluster.namespace(name)
    cluster.apply(broken_agent(name, container))

    def has_reason(found: dict) -> bool:
        return reason in json.dumps(found["status"].get("containerStatuses", []))

    cluster.wait_for(f"/api/v1/namespaces/{name}/pods/{name}", has_reason, f"{name} is {reason}")
    done = admin.run("web", "-n", "shop", "--agent-namespace", name, "--", "true")
    assert done.code == 243
    assert f"the ns-debug agent {name} on node node-1 is not ready" in done.stderr
    if name != "not-ready":
        assert reason in done.stderr


def test_an_agent_that_is_not_in_the_config_map_is_not_talked_to(cluster, admin, tmp_path):
    """Somebody else's authority: whoever answers in the pod is not the agent."""
    path = f"/api/v1/namespaces/{agent_pods.NAMESPACE}/configmaps/ns-debug-ca"
    real = cluster.get(path)
    other = {**real, "data": {"ca.crt": cluster.control_plane.ca.read_text()}}
    keep = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
        "namespace": agent_pods.NAMESPACE, "name": "ns-debug-ca"}}
    cluster.apply({**keep, "data": other["data"]})
    try:
        done = admin.run("web", "-n", "shop", "--", "true")
        assert done.code == 245
        assert "certificate" in done.stderr
        assert "hint: nothing was sent: see that ConfigMap ns-debug-ca" in done.stderr
    finally:
        cluster.apply({**keep, "data": real["data"]})


def test_a_connection_that_breaks_is_no_success(cluster, ann):
    process = subprocess.Popen(
        ann.command("web", "-n", "shop", "-c", "app", "--", "sh", "-c",
                    "echo ready; exec sleep 86398"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    cluster.control_plane.stop_apiserver()
    try:
        assert process.wait(SECONDS) == 240
    finally:
        cluster.control_plane.start_apiserver()
    assert b"lost" in process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    wait_until(lambda: not processes(b"sleep\x0086398"), SECONDS, "the command is gone")
