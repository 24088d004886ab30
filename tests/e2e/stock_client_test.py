"""Kubernetes' own kubectl exec, straight at an agent through a port-forward."""

import re
import subprocess

import pods
import pytest
from cluster import fetch_kubectl, kubectl_command
from deployment import NAMESPACE

SECONDS = 120


@pytest.fixture(scope="module", name="agent_url")
def agent_url_fixture(cluster, deployment):
    """Where the agent is while a port-forward runs."""
    name = deployment.agent_pod()["metadata"]["name"]
    command = kubectl_command(cluster, "-n", NAMESPACE, "port-forward", f"pod/{name}", ":8443")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as forward:
        try:
            port = re.search(r"127\.0\.0\.1:([0-9]+) -> 8443", forward.stdout.readline())[1]
            yield f"https://127.0.0.1:{port}"
        finally:
            forward.terminate()


@pytest.fixture(name="run")
def run_fixture(cluster, agent_url, alice, tmp_path):
    """kubectl with that for an API server, as alice, whose rights are the fixture's."""
    assert alice
    certificate = cluster.control_plane.user("alice")
    ca = tmp_path / "agent-ca.crt"
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/ns-debug-ca"
    ca.write_text(cluster.get(path)["data"]["ca.crt"])

    def run(*arguments: str, **options) -> subprocess.CompletedProcess:
        command = cluster.control_plane.network.command(
            str(fetch_kubectl()), "--kubeconfig", "/dev/null", "--server", agent_url,
            "--certificate-authority", str(ca), "--client-certificate",
            str(certificate.certificate), "--client-key", str(certificate.key),
            "--cache-dir", str(tmp_path / "cache"), *arguments)
        return subprocess.run(command, capture_output=True, timeout=SECONDS, check=False, **options)

    return run


def test_exec_has_the_containers_own_programs(run):
    done = run("-n", pods.SHOP, "exec", "-i", "limited", "--", "sh", "-c", "id -u; cat; exit 7",
               input=b"in\n")
    assert (done.returncode, done.stdout) == (7, b"1000\nin\n"), done


def test_exec_is_refused_as_to_everybody_else(run):
    done = run("-n", pods.SHOP, "exec", "host", "--", "true")
    assert done.returncode == 1
    assert b'"alice" cannot create resource "nodes/exec"' in done.stderr, done
