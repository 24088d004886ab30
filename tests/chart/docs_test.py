"""The commands of docs/install.md, in their order, on a cluster without nodes."""

import os
import re
import subprocess

import helm
import pytest
from bed import Unavailable
from bed.deadline import wait_until
from cluster import ControlPlane, fetch_kubectl

NOTICE_SECONDS = 30
PAGE = helm.ROOT / "docs" / "install.md"
# They wait for pods, and there is no kubelet.
NEED_PODS = ("rollout status",)


def commands() -> list[str]:
    """The lines of the blocks of code."""
    return re.findall(r"^ {4}(\S.*)$", PAGE.read_text(), re.MULTILINE)


@pytest.fixture(scope="module", name="run")
def run_fixture(tmp_path_factory):
    """Runs a line in a shell that has kubectl, helm and the cluster."""
    path = tmp_path_factory.mktemp("bin")
    (path / "helm").symlink_to(helm.program())
    try:
        (path / "kubectl").symlink_to(fetch_kubectl())
        with ControlPlane() as cluster:
            cluster.namespace("shop")

            def run(command: str) -> subprocess.CompletedProcess:
                return subprocess.run(
                    ["nsenter", f"--net={cluster.network_namespace}", "sh", "-c", command],
                    env={**os.environ, "KUBECONFIG": str(cluster.admin),
                         "PATH": f"{path}:{os.environ['PATH']}"},
                    cwd=helm.ROOT, capture_output=True, text=True, timeout=120, check=False)

            yield run
    except Unavailable as error:
        pytest.skip(str(error))


def test_every_command_works(run):
    lines = [line for line in commands() if not any(words in line for words in NEED_PODS)]
    without_helm = [line for line in lines if "install.yaml" in line or "make-tls" in line]
    assert len(lines) > 10 and len(without_helm) == 2
    with_helm = [line for line in lines if line not in without_helm]
    # What both begin with is the namespace, and what Helm has made ends before the other begins.
    for line in [*with_helm, *without_helm]:
        # Nothing here takes a namespace through its last phase.
        if line.startswith("kubectl delete namespace"):
            continue
        if "can-i" in line:
            # The authorizer learns of roles by a watch.
            wait_until(lambda line=line: "[general]" in run(line).stdout,
                       NOTICE_SECONDS, "alice's role in effect")
            continue
        done = run(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def test_every_capability_is_explained():
    page = PAGE.read_text()
    table = page[page.index("Of the agent's pod:"):page.index("Whoever takes over")]
    for capability in helm.container(helm.render())["securityContext"]["capabilities"]["add"]:
        assert re.search(rf"\b{capability}\b", table), capability


def test_the_roles_are_those_of_the_chart():
    roles = {item["metadata"]["name"] for item in helm.render() if item["kind"] == "ClusterRole"}
    assert set(re.findall(r"^\| `(ns-debug-[a-z]+)` \|", PAGE.read_text(), re.MULTILINE)) == roles


def test_values_that_are_named_exist():
    page = PAGE.read_text()
    table = page[page.index("| value | when"):page.index("## What each permission")]
    readme = (helm.CHART / "README.md").read_text()
    names = [name for line in table.splitlines()[2:] if line
             for name in re.findall(r"`([^`]+)`", line.split("|")[1])]
    assert len(names) > 10
    for name in names:
        # `maxDuration` stands for its whole name beside another of its section.
        assert re.search(rf"^\| `([a-zA-Z.]+\.)?{re.escape(name)}[.`]", readme, re.MULTILINE), name
