"""The chart's life with sessions open: another version, another certificate, and its end."""

import pods
import pytest
from bed.deadline import wait_until
from cluster import kubectl
from deployment import NAMESPACE, RELEASE, RUNTIME_SOCKET
from faults_test import AGENT_GONE, LOST, SECONDS, assert_lost, session_fixture, works_again

# kubelet's, for a Secret that has changed, and the agent's own.
ROTATION_SECONDS = 240

assert session_fixture  # A fixture, by its name.


def ca(cluster) -> str:
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/ns-debug-ca"
    return cluster.get(path)["data"]["ca.crt"]


def test_helm_test_passes(deployment):
    assert "Succeeded" in deployment.helm("test", RELEASE)


def test_the_rollout_is_seen_to_end(deployment, cluster):
    told = kubectl(cluster, "-n", NAMESPACE, "rollout", "status", f"daemonset/{RELEASE}").stdout
    assert "successfully rolled out" in told, deployment.describe()


def test_an_agent_without_a_runtime_is_not_ready_and_says_why(alice, deployment):
    before = deployment.wait_until_ready()["metadata"]["uid"]
    deployment.upgrade(runtime__socket="/run/containerd/no-runtime.sock")
    try:
        wait_until(lambda: "no-runtime.sock" in deployment.log(), SECONDS, "its log says why")
        done = alice.run("-n", pods.SHOP, "web", "--", "true")
        assert done.returncode == AGENT_GONE and b"is not ready" in done.stderr, done
    finally:
        deployment.upgrade("--wait", runtime__socket=RUNTIME_SOCKET)
    assert deployment.wait_until_ready()["metadata"]["uid"] != before
    works_again(alice)


def test_another_certificate(alice, deployment, cluster):
    before, pod = ca(cluster), deployment.agent_pod()["metadata"]["uid"]
    cluster.delete({"apiVersion": "v1", "kind": "Secret", "metadata": {
        "namespace": NAMESPACE, "name": "ns-debug-tls"}})
    deployment.upgrade("--wait")
    assert ca(cluster) != before
    wait_until(lambda: alice.run("-n", pods.SHOP, "web", "--", "true").returncode == 0,
               ROTATION_SECONDS, "the agent has the new certificate")
    # Without a restart.
    assert deployment.agent_pod()["metadata"]["uid"] == pod


def test_an_upgrade_to_the_image_without_tools(session, archives, alice, deployment, cluster):
    if "agent-slim" not in archives:
        pytest.skip("NS_DEBUG_AGENT_IMAGE is set")
    before = deployment.agent_pod()["metadata"]["uid"]
    kept = ca(cluster)
    deployment.upgrade("--wait", image__tag="agent-slim")
    try:
        assert_lost(session, LOST, AGENT_GONE)
        assert deployment.agent_pod()["metadata"]["uid"] != before
        assert ca(cluster) == kept
        # The target's own programs, and no others.
        assert alice.output("-n", pods.SHOP, "limited", "--view", "container", "--", "id",
                            "-u") == "1000\n"
        done = alice.run("-n", pods.SHOP, "limited", "--", "ss", "-tln")
        assert done.returncode == 127 and b"ss" in done.stderr, done
    finally:
        deployment.upgrade("--wait", image__tag="agent")
    works_again(alice)


def test_the_end_leaves_nothing(session, deployment, cluster):
    deployment.uninstall()
    assert_lost(session, LOST, AGENT_GONE)
    deployment.wait_until_no_session()
    assert deployment.processes("9876") == []
    assert left(cluster) == []
    with open("/proc/1/mountinfo", encoding="utf-8") as mounts:
        assert "ns-debug" not in mounts.read()
    wait_until(lambda: not deployment.agent_processes(), SECONDS, "the agent's processes gone")


def left(cluster) -> list[str]:
    """Objects of the release that are there."""
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    found = []
    for path in (f"/api/v1/namespaces/{NAMESPACE}/configmaps", f"{rbac}/clusterroles",
                 f"/api/v1/namespaces/{NAMESPACE}/secrets", f"{rbac}/clusterrolebindings",
                 f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts",
                 f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets",
                 f"{rbac}/namespaces/{NAMESPACE}/roles",
                 f"{rbac}/namespaces/kube-system/rolebindings"):
        found += [f"{path.rpartition('/')[2]}/{item['metadata']['name']}"
                  for item in cluster.get(path)["items"] if "ns-debug" in item["metadata"]["name"]]
    return found
