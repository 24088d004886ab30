"""The plugin's verbs, many targets and copies through a real API server and kubelet, to an agent that
runs as a pod."""

import hashlib
import json
import os
import subprocess

import agent_pods
import pytest
import roles
import yaml
from agent_pods import BOB, pod, pod_spec
from bed.deadline import wait_until
from conftest import BUILD_DIR, ROOT

SECONDS = 60


@pytest.fixture(scope="module", name="cluster")
def cluster_fixture():
    with agent_pods.cluster_with_agent(BUILD_DIR) as running:
        running.apply(pod("web", {"name": "app"}, {"name": "side"}))
        labels = {"app": "shop-front"}
        running.apply({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"namespace": "shop", "name": "front"},
            "spec": {"replicas": 2, "selector": {"matchLabels": labels},
                     "template": {"metadata": {"labels": labels},
                                  "spec": pod_spec({"name": "app"})}}})
        running.wait_for_pod("shop", "web")
        running.wait_for("/apis/apps/v1/namespaces/shop/deployments/front",
                         lambda found: found["status"].get("readyReplicas") == 2,
                         "the deployment is ready")
        yield running


@pytest.fixture(scope="module", name="node")
def node_fixture(cluster) -> str:
    found = cluster.control_plane.get("/api/v1/namespaces/shop/pods/web")
    return found["spec"]["nodeName"]


@pytest.fixture(scope="module", name="front")
def front_fixture(cluster) -> list[str]:
    """The pods of the deployment."""
    found = cluster.control_plane.get(
        "/api/v1/namespaces/shop/pods?labelSelector=app%3Dshop-front")
    return sorted(one["metadata"]["name"] for one in found["items"])


def test_explains(ann, node):
    done = ann.run("explain", "web", "-n", "shop", "-q")
    assert (done.code, done.stderr) == (0, "")
    text = done.stdout.decode()
    assert f"pod shop/web on node {node}\n" in text
    assert text.endswith("May you? yes, with profile general\n")


def test_lists(admin, node):
    done = admin.run("ls", "-n", "shop", "-o", "json")
    assert (done.code, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert [(one["node"], one["ready"]) for one in document["agents"]] == [(node, True)]
    assert document["agents"][0]["version"].startswith("v")
    assert "web" in [one["name"] for one in document["pods"]]


def test_versions(ann, node):
    done = ann.run("version", "-o", "yaml")
    assert (done.code, done.stderr) == (0, "")
    document = yaml.safe_load(done.stdout)
    assert [(one["node"], one["version"]) for one in document["agents"]] == [
        (node, document["client"])]


def test_a_session_is_seen_and_ended(ann, admin):
    process = subprocess.Popen(
        ann.command("web", "-n", "shop", "-c", "app", "--", "sh", "-c",
                    "echo ready; exec sleep 86398"), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout.readline() == b"ready\n"
        done = admin.run("sessions", "-o", "json")
        assert (done.code, done.stderr) == (0, "")
        (one,) = json.loads(done.stdout)["items"]
        assert (one["user"], one["pod"]) == ("ann", "web")
        done = admin.run("sessions", "end", one["id"])
        assert (done.code, done.stderr) == (0, "")
        assert process.wait(SECONDS) == 242
    finally:
        process.kill()
        process.communicate()


def test_a_missing_right_is_printed_as_it_is_granted(bob, cluster):
    done = bob.run("auth", "can-i", "web", "-n", "shop", "-c", "app")
    assert (done.code, done.stderr) == (241, "")
    first, _, rest = done.stdout.decode().partition("\n")
    assert first == "no"
    cluster.apply([
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
         "metadata": {"namespace": "shop", "name": "as-printed"}, "rules": yaml.safe_load(rest)},
        roles.binding("as-printed", "Role", "as-printed", [BOB], "shop")])
    wait_until(lambda: bob.run("auth", "can-i", "web", "-n", "shop", "-c", "app").stdout
               == b"yes, with profile general\n", SECONDS, "bob may")
    assert bob.run("web", "-n", "shop", "-c", "app", "--", "true").code == 0


def test_in_all_pods_of_a_deployment(ann, front, node):
    done = ann.run("deploy/front", "--all-pods", "-n", "shop", "-o", "json", "--", "hostname")
    assert (done.code, done.stderr) == (0, "2 targets: 2 succeeded\n")
    found = sorted((json.loads(line) for line in done.stdout.splitlines()),
                   key=lambda one: one["pod"])
    assert [(one["pod"], one["stdout"], one["node"]) for one in found] == [
        (name, f"{name}\n", node) for name in front]


def test_in_all_pods_with_a_label(ann, front):
    done = ann.run("-l", "app in (shop-front)", "-n", "shop", "--", "sh", "-c",
                   "echo out; echo err >&2; exit 3")
    assert done.code == 247
    assert sorted(done.stdout.decode().splitlines()) == [f"shop/{name} out" for name in front]
    said = done.stderr.splitlines()
    assert sorted(said[:-1]) == [f"shop/{name} err" for name in front]
    assert said[-1].startswith("2 targets: 0 succeeded, 2 failed (")


def test_on_all_nodes(admin, node):
    done = admin.run("node", "--all", "--", "echo", "here")
    assert (done.code, done.stdout.decode()) == (0, f"node/{node} here\n"), done.stderr


def test_copies_out_and_in(ann, tmp_path):
    (tmp_path / "in").mkdir()
    data = os.urandom(5 << 20)
    (tmp_path / "in" / "data").write_bytes(data)
    (tmp_path / "in" / "data").chmod(0o640)
    done = ann.run("cp", str(tmp_path / "in"), "web:/tmp/of-this-test", "-n", "shop", "-c", "app")
    assert (done.code, done.stdout, done.stderr) == (0, b"", "")
    done = ann.run("web", "-n", "shop", "-c", "app", "--view", "container", "--", "sha256sum",
                   "/tmp/of-this-test/data")
    assert done.stdout.decode().split()[0] == hashlib.sha256(data).hexdigest(), done.stderr
    done = ann.run("cp", "web:/tmp/of-this-test", str(tmp_path / "out"), "-n", "shop", "-c", "app")
    assert (done.code, done.stdout, done.stderr) == (0, b"", "")
    assert (tmp_path / "out" / "data").read_bytes() == data
    assert (tmp_path / "out" / "data").stat().st_mode & 0o777 == 0o640


def test_kubectl_completes(ann, tmp_path):
    command = ann.kubectl("__complete", "ns-debug", "-n", "shop", "w")
    for name, target in (("kubectl-ns_debug", BUILD_DIR / "bin" / "kubectl-ns_debug"),
                         ("kubectl_complete-ns_debug",
                          ROOT / "completions" / "kubectl_complete-ns_debug")):
        (tmp_path / name).symlink_to(target)
    path = next(index for index, word in enumerate(command)
                if word.startswith("PATH=") and word != "PATH=/usr/bin:/bin")
    command[path] = f"PATH={tmp_path}:/usr/bin:/bin"
    done = ann.end(command)
    assert done.code == 0, done.stderr
    assert done.stdout.decode().splitlines() == ["web", ":4"]
