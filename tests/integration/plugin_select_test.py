"""Which pods and agents the plugin finds by a real API server. There is no kubelet, so that every
agent is one that cannot be asked, and the reason is told for each."""

import json
import os
import subprocess

import pytest
from bed import Unavailable
from cluster import ControlPlane
from conftest import BUILD_DIR

AGENTS = "ns-debug"
_SECONDS = 120


def pod(namespace: str, name: str, node: str, labels: dict, phase: str = "Running",
        **status) -> tuple[dict, dict]:
    """A pod, and the status that a kubelet would give it."""
    manifest = {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": labels},
        "spec": {"nodeName": node, "containers": [{"name": "app", "image": "x"},
                                                  {"name": "side", "image": "x"}]}}
    return manifest, {"phase": phase, **status}


def workload(kind: str, name: str, labels: dict) -> dict:
    """One with a selector, which nobody makes pods of here."""
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"namespace": "shop", "name": name},
            "spec": {"selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels},
                                  "spec": {"containers": [{"name": "app", "image": "x"}]}}}}


def start(cluster: ControlPlane, made: tuple[dict, dict]) -> None:
    """Makes a pod with its status."""
    manifest, status = made
    client = cluster.client(cluster.user("root", ["system:masters"]))
    client.apply(manifest)
    client.request("PATCH", client.path(manifest) + "/status", {"status": status},
                   "application/merge-patch+json")


@pytest.fixture(scope="module")
def cluster():
    try:
        with ControlPlane() as running:
            for name in (AGENTS, "shop", "bank", "empty"):
                running.namespace(name)
                # What the controller manager would do.
                running.service_account(name, "default")
            for made in (pod("shop", "web-1", "n1", {"app": "web", "tier": "front"}),
                         pod("shop", "web-2", "n2", {"app": "web", "tier": "back"}),
                         pod("shop", "web-3", "n2", {"app": "web"}, "Pending"),
                         pod("shop", "done", "n2", {"app": "web"}, "Succeeded"),
                         pod("shop", "db", "n1", {"app": "db"}),
                         pod("bank", "web-9", "n1", {"app": "web"})):
                start(running, made)
            running.apply([workload("Deployment", "web", {"app": "web"}),
                           workload("StatefulSet", "db", {"app": "db"})])
            yield running
    except Unavailable as error:
        pytest.skip(str(error))
    assert running.check_clean() == []


@pytest.fixture(scope="module")
def agents(cluster):
    """Two nodes' agents, as their kubelets tell of them."""
    waiting = {"containerStatuses": [{
        "name": "app", "image": "x", "imageID": "", "ready": False, "restartCount": 0,
        "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}]}
    for name, node in (("agent-b", "n2"), ("agent-a", "n1")):
        start(cluster, pod(AGENTS, name, node, {"app.kubernetes.io/name": "ns-debug"}, "Pending",
                           **waiting))


def run(cluster: ControlPlane, *arguments: str):
    """The plugin's end, as the administrator, where the API server is."""
    return subprocess.run(
        ["nsenter", f"--net={cluster.network_namespace}",
         str(BUILD_DIR / "bin" / "kubectl-ns_debug"), *arguments],
        env={**os.environ, "KUBECONFIG": str(cluster.admin)}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=_SECONDS, check=False)


def chosen(cluster: ControlPlane, *arguments: str) -> list[tuple[str, str, str]]:
    """Namespace, name and node of all pods in which a command would run."""
    result = run(cluster, *arguments, "-q", "-o", "json", "--", "true")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.returncode == 247, result
    for one in found:
        assert "is not ready: ImagePullBackOff: no such image" in one["error"], one
        assert one["exitCode"] == 243
    return sorted((one.get("namespace", ""), one.get("pod", ""), one["node"]) for one in found)


WEB = [("shop", "web-1", "n1"), ("shop", "web-2", "n2")]


def test_no_agents(cluster):
    for verb in (["ls"], ["sessions"], ["sessions", "end", "0" * 32], ["version"]):
        result = run(cluster, *verb)
        assert result.returncode == 243, result
        assert "no ns-debug agents in namespace ns-debug: install the chart" in result.stderr
    assert run(cluster, "version").stdout.startswith("client v")


@pytest.mark.usefixtures("agents")
@pytest.mark.parametrize("arguments, expected", [
    (["-n", "shop", "-l", "app=web"], WEB),
    (["-n", "shop", "-l", "app=web,tier in (back, middle)"], WEB[1:]),
    (["-n", "shop", "-l", "app!=web"], [("shop", "db", "n1")]),
    (["-A", "-l", "app=web"], [("bank", "web-9", "n1"), *WEB]),
    (["-n", "shop", "deploy/web", "--all-pods"], WEB),
    (["-n", "shop", "sts/db", "--all-pods"], [("shop", "db", "n1")]),
    (["-n", "shop", "--all-pods"], [("shop", "db", "n1"), *WEB]),
    (["node", "--all"], [("", "", "n1"), ("", "", "n2")]),
])
def test_what_is_chosen(cluster, arguments, expected):
    assert chosen(cluster, *arguments) == expected


@pytest.mark.usefixtures("agents")
@pytest.mark.parametrize("arguments, code, why", [
    (["-n", "empty", "-l", "app=web"], 242, "no running pods"),
    (["-n", "shop", "-l", "app in"], 1, "-l: unable to parse requirement"),
    (["-n", "shop", "deploy/none", "--all-pods"], 242, '"none" not found'),
    (["-n", "shop", "cronjob/x", "--all-pods"], 1, "does not stand for several pods"),
])
def test_what_cannot_be_chosen(cluster, arguments, code, why):
    result = run(cluster, *arguments, "--", "true")
    assert (result.returncode, result.stdout) == (code, "")
    assert why in result.stderr


@pytest.mark.usefixtures("agents")
def test_agents_that_are_not_ready_are_listed_with_the_reason(cluster):
    result = run(cluster, "ls")
    assert result.returncode == 243
    rows = [line.split(maxsplit=3) for line in result.stdout.splitlines()]
    assert rows == [["NODE", "AGENT", "VERSION", "STATUS"],
                    ["n1", "agent-a", "<none>", "ImagePullBackOff: no such image"],
                    ["n2", "agent-b", "<none>", "ImagePullBackOff: no such image"]]
    document = json.loads(run(cluster, "ls", "-o", "json").stdout)
    assert [(one["node"], one["ready"]) for one in document["agents"]] == [
        ("n1", False), ("n2", False)]
    result = run(cluster, "version")
    assert result.returncode == 243
    assert "ImagePullBackOff" in result.stdout


@pytest.mark.usefixtures("agents")
def test_completes_by_the_api_server(cluster):
    def ask(*words: str) -> list[str]:
        return run(cluster, "__complete", "-n", "shop", *words).stdout.splitlines()

    assert ask("we") == ["web-1", "web-2", ":4"]
    assert ask("db", "--container", "") == ["app", "side", ":4"]
