"""The chart and the manifests against a real API server: every object is accepted as it is, Helm
installs, upgrades and removes them, and the roles say who may do what.

There is no kubelet: no pod runs here.
"""

import base64
import os
import pathlib
import subprocess

import helm
import pytest
import yaml
from bed import Unavailable
from bed.deadline import wait_until
from cluster import ApiError, ControlPlane, binary, fetch_kubectl

NOTICE_SECONDS = 20
GROUP = "ns-debug.io"
# Nobody serves them here.
NOT_KUBERNETES = {"Certificate", "PodMonitor", "PrometheusRule"}
KUBE_VERSION = binary.version().removeprefix("v")


@pytest.fixture(scope="module", name="cluster")
def cluster_fixture():
    helm.program()
    try:
        with ControlPlane() as running:
            for name in (helm.NAMESPACE, "shop", "bank", "monitoring"):
                running.namespace(name)
            # What the controller manager would do.
            running.service_account(helm.NAMESPACE, "default")
            yield running
    except Unavailable as error:
        pytest.skip(str(error))
    assert running.check_clean() == []


@pytest.fixture(scope="module", name="send")
def send_fixture(cluster):
    """Sends an object as it is, without effect; a field that the server does not know is an error.
    """
    client = cluster.client(cluster.user("chart", ["system:masters"]))

    def send(item: dict) -> None:
        query = "fieldManager=chart&force=true&fieldValidation=Strict&dryRun=All"
        path = f"{client.path(item)}?{query}"
        client.request("PATCH", path, item, "application/apply-patch+yaml")

    return send


def inside(cluster, *command: str | pathlib.Path, stdin: str | None = None,
           check: bool = True) -> subprocess.CompletedProcess:
    """A command where the cluster is reachable, as its administrator."""
    done = subprocess.run(["nsenter", f"--net={cluster.network_namespace}", *command],
                          env={**os.environ, "KUBECONFIG": str(cluster.admin),
                               "HELM_NAMESPACE": helm.NAMESPACE},
                          input=stdin, capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done


def run_helm(cluster, *arguments: str | pathlib.Path) -> None:
    inside(cluster, helm.program(), *arguments)


def helm_refusal(cluster, *arguments: str | pathlib.Path) -> str:
    done = inside(cluster, helm.program(), *arguments, check=False)
    assert done.returncode != 0, done.stdout
    return done.stderr


def may(cluster, user: str, verb: str, resource: str, namespace: str = "", name: str = "",
        groups: tuple[str, ...] = (), group: str = GROUP) -> bool:
    """What the API server says to the question that an agent asks."""
    resource, _, subresource = resource.partition("/")
    return cluster.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {"user": user, "groups": list(groups), "resourceAttributes": {
            "group": group, "verb": verb, "resource": resource, "subresource": subresource,
            "namespace": namespace, "name": name}},
    })["status"]["allowed"]


def notice(question, description: str) -> None:
    """The authorizer learns of roles by a watch."""
    wait_until(question, NOTICE_SECONDS, description)


def secret(cluster) -> dict:
    return cluster.get(f"/api/v1/namespaces/{helm.NAMESPACE}/secrets/ns-debug-tls")["data"]


def delete_secret(cluster) -> None:
    cluster.delete({"apiVersion": "v1", "kind": "Secret", "metadata": {
        "namespace": helm.NAMESPACE, "name": "ns-debug-tls"}})


def published_ca(cluster) -> str:
    path = f"/api/v1/namespaces/{helm.NAMESPACE}/configmaps/ns-debug-ca"
    return cluster.get(path)["data"]["ca.crt"]


def left(cluster) -> list[str]:
    """Objects of the release that are there."""
    found = []
    for path in (f"/api/v1/namespaces/{helm.NAMESPACE}/{{}}",
                 "/apis/rbac.authorization.k8s.io/v1/{}",
                 f"/apis/apps/v1/namespaces/{helm.NAMESPACE}/{{}}",
                 f"/apis/rbac.authorization.k8s.io/v1/namespaces/{helm.NAMESPACE}/{{}}",
                 "/apis/rbac.authorization.k8s.io/v1/namespaces/kube-system/{}"):
        for kind in ("configmaps", "secrets", "serviceaccounts", "clusterroles", "roles",
                     "clusterrolebindings", "rolebindings", "daemonsets"):
            try:
                items = cluster.get(path.format(kind))["items"]
            except (ApiError, KeyError):
                continue  # not of this API group or scope
            found += [f"{kind}/{item['metadata']['name']}" for item in items
                      if "ns-debug" in item["metadata"]["name"]]
    return sorted(set(found))


@pytest.mark.parametrize("path", [None, *helm.VALUES], ids=lambda path: path and path.stem)
def test_the_api_server_knows_every_field(send, path):
    for item in helm.render(path, KUBE_VERSION):
        if item["kind"] not in NOT_KUBERNETES:
            send(item)


def test_the_annotation_for_old_clusters_is_accepted_too(send):
    for item in helm.render(None, helm.OLD):
        send(item)


@pytest.mark.parametrize("name", ["install.yaml", "rbac-examples.yaml"])
def test_the_api_server_knows_every_field_of_the_manifests(send, name):
    text = (helm.ROOT / "manifests" / name).read_text()
    for item in yaml.safe_load_all(text):
        if item:
            send(item)


def test_a_misspelt_field_would_be_noticed(send):
    daemonset = helm.only(helm.render(None, KUBE_VERSION), "DaemonSet")
    daemonset["spec"]["template"]["spec"]["hostPid"] = True
    with pytest.raises(ApiError, match="hostPid: field not declared in schema"):
        send(daemonset)


def test_helm_installs_upgrades_and_removes_it(cluster):
    assert left(cluster) == []
    run_helm(cluster, "install", "ns-debug", helm.CHART)
    try:
        first = secret(cluster)
        assert base64.b64decode(first["ca.crt"]).decode().strip() == published_ca(cluster).strip()
        # An upgrade keeps the certificate, and the authority that clients know.
        run_helm(cluster, "upgrade", "ns-debug", helm.CHART, "--set", "config.log.level=debug")
        assert secret(cluster) == first
        config = cluster.get(f"/api/v1/namespaces/{helm.NAMESPACE}/configmaps/ns-debug")["data"]
        assert yaml.safe_load(config["ns-debug-agent.yaml"])["log"]["level"] == "debug"
        # With a new name it would be another one, which nobody has made.
        new_name = ("--set", "tls.dnsNames={agents.example.com}")
        told = helm_refusal(cluster, "upgrade", "ns-debug", helm.CHART, *new_name)
        assert "tls.dnsNames" in told and "delete the Secret" in told
        assert secret(cluster) == first
        # Deleted, it is made anew, and the new authority published.
        delete_secret(cluster)
        run_helm(cluster, "upgrade", "ns-debug", helm.CHART, *new_name)
        second = secret(cluster)
        assert second["ca.crt"] != first["ca.crt"]
        assert base64.b64decode(second["ca.crt"]).decode().strip() == published_ca(cluster).strip()
        assert "daemonsets/ns-debug" in left(cluster)
    finally:
        run_helm(cluster, "uninstall", "ns-debug")
    assert left(cluster) == []


def test_a_certificate_that_others_have_made_is_kept_with_whatever_names(cluster):
    text = subprocess.run([helm.ROOT / "scripts" / "make-tls", helm.NAMESPACE],
                          capture_output=True, text=True, check=True).stdout
    items = list(yaml.safe_load_all(text))
    made = helm.only(items, "Secret")
    authority = helm.only(items, "ConfigMap")["data"]["ca.crt"]
    made["data"]["ca.crt"] = base64.b64encode(authority.encode()).decode()
    made["metadata"].update(
        labels={"app.kubernetes.io/managed-by": "Helm"},
        annotations={"meta.helm.sh/release-name": "ns-debug",
                     "meta.helm.sh/release-namespace": helm.NAMESPACE})
    cluster.apply(made)
    try:
        run_helm(cluster, "install", "ns-debug", helm.CHART)
        run_helm(cluster, "upgrade", "ns-debug", helm.CHART, "--set",
                 "tls.dnsNames={agents.example.com}")
        assert secret(cluster) == made["data"]
    finally:
        run_helm(cluster, "uninstall", "ns-debug")
    assert left(cluster) == []


def openssl_verifies(data: dict, name: str, folder: pathlib.Path) -> str:
    for key, value in data.items():
        (folder / key).write_bytes(base64.b64decode(value))
    done = subprocess.run(
        ["openssl", "verify", "-CAfile", folder / "ca.crt", "-purpose", "sslserver",
         "-verify_hostname", name, folder / "tls.crt"], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_a_generated_certificate_is_good_for_its_names(tmp_path):
    data = helm.only(helm.render({"tls.dnsNames": ["agents.example.com"]}), "Secret")["data"]
    for name in ("ns-debug-agent", "localhost", "agents.example.com"):
        assert openssl_verifies(data, name, tmp_path).endswith("tls.crt: OK\n"), name
    assert "hostname mismatch" in openssl_verifies(data, "other.example.com", tmp_path)


def test_make_tls_makes_what_install_yaml_wants(send, tmp_path):
    text = subprocess.run([helm.ROOT / "scripts" / "make-tls", helm.NAMESPACE],
                          capture_output=True, text=True, check=True).stdout
    items = list(yaml.safe_load_all(text))
    for item in items:
        send(item)
    made = helm.only(items, "Secret")
    manifests = [item for item in yaml.safe_load_all(
        (helm.ROOT / "manifests" / "install.yaml").read_text()) if item]
    volumes = helm.only(manifests, "DaemonSet")["spec"]["template"]["spec"]["volumes"]
    wanted, = [volume["secret"] for volume in volumes if "secret" in volume]
    assert wanted["secretName"] == made["metadata"]["name"]
    assert {item["key"] for item in wanted["items"]} <= set(made["data"])
    authority = helm.only(items, "ConfigMap")["data"]["ca.crt"]
    data = {**made["data"], "ca.crt": base64.b64encode(authority.encode()).decode()}
    for name in ("ns-debug-agent", "localhost"):
        assert openssl_verifies(data, name, tmp_path).endswith("tls.crt: OK\n"), name


@pytest.fixture(scope="module", name="installed")
def installed_fixture(cluster):
    """The manifests of a cluster without Helm, and the examples of who may what."""
    kubectl = fetch_kubectl()
    tls = subprocess.run([helm.ROOT / "scripts" / "make-tls", helm.NAMESPACE],
                         capture_output=True, text=True, check=True).stdout
    manifests = helm.ROOT / "manifests"
    inside(cluster, kubectl, "apply", "--validate=strict", "-f", manifests / "install.yaml")
    inside(cluster, kubectl, "apply", "--validate=strict", "-f", "-", stdin=tls)
    inside(cluster, kubectl, "apply", "--validate=strict", "-f", manifests / "rbac-examples.yaml")
    notice(lambda: may(cluster, "bob", "create", "pods/exec", "shop", "web-0"), "bob's role")
    notice(lambda: may(cluster, "x", "create", "nodes/exec", name="node-1", groups=("sre",)),
           "the role of sre")
    notice(lambda: may(cluster, "alice", "create", "pods/exec", "shop", "web"), "alice's role")
    yield cluster
    for name in ("rbac-examples.yaml", "install.yaml"):
        inside(cluster, kubectl, "delete", "--wait=false", "-f", manifests / name)


def test_alice_may_in_shop_and_not_in_bank(installed):
    assert may(installed, "alice", "get", "pods", "shop", "web")
    assert may(installed, "alice", "use", "profiles", "shop", "general")
    assert not may(installed, "alice", "create", "pods/exec", "bank", "web")
    assert not may(installed, "alice", "use", "profiles", "bank", "general")
    assert not may(installed, "alice", "get", "pods/exec", "shop", "web")


def test_alice_gets_no_other_profile_and_no_node(installed):
    for profile in ("netadmin", "sysadmin"):
        assert not may(installed, "alice", "use", "profiles", "shop", profile)
    assert not may(installed, "alice", "create", "nodes/exec", name="node-1")
    assert not may(installed, "alice", "list", "sessions")
    assert not may(installed, "alice", "delete", "sessions", name="1")


def test_the_network_team_may_change_networks_of_shop(installed):
    groups = ("network-team",)
    assert may(installed, "nina", "use", "profiles", "shop", "netadmin", groups)
    assert not may(installed, "nina", "use", "profiles", "shop", "sysadmin", groups)
    assert not may(installed, "nina", "use", "profiles", "bank", "netadmin", groups)


def test_sre_may_everything(installed):
    groups = ("sre",)
    for verb, resource, namespace, name in (
            ("create", "pods/exec", "bank", "web"), ("create", "nodes/exec", "", "node-1"),
            ("use", "profiles", "bank", "sysadmin"), ("list", "sessions", "", ""),
            ("delete", "sessions", "", "1"), ("list", "pods", "", "")):
        assert may(installed, "sam", verb, resource, namespace, name, groups), (verb, resource)


def test_a_dashboard_looks_and_starts_nothing(installed):
    user = "system:serviceaccount:monitoring:dashboard"
    assert may(installed, user, "list", "pods")
    assert not may(installed, user, "create", "pods/exec", "shop", "web")


def test_bob_captures_one_pod(installed):
    assert may(installed, "bob", "use", "profiles", "shop", "baseline")
    assert not may(installed, "bob", "create", "pods/exec", "shop", "web-1")
    assert not may(installed, "bob", "use", "profiles", "shop", "general")


def test_everybody_reaches_the_agents_and_nothing_of_them(installed):
    def core(verb: str, resource: str, name: str = "", namespace: str = helm.NAMESPACE) -> bool:
        return may(installed, "eve", verb, resource, namespace, name, ("system:authenticated",), "")

    notice(lambda: core("get", "configmaps", "ns-debug-ca"), "the role of everybody")
    assert core("create", "pods/portforward", "x") and core("get", "pods/portforward", "x")
    assert core("list", "pods")
    assert not core("get", "secrets", "ns-debug-tls")
    assert not core("get", "configmaps", "ns-debug")
    assert not core("create", "pods/exec", "x")
    assert not core("create", "pods/portforward", "x", "shop")


def test_the_agent_may_ask_and_nothing_else(installed):
    agent = f"system:serviceaccount:{helm.NAMESPACE}:ns-debug"

    def core(verb: str, resource: str, name: str = "", namespace: str = "",
             group: str = "") -> bool:
        return may(installed, agent, verb, resource, namespace, name, group=group)

    notice(lambda: core("get", "configmaps", "extension-apiserver-authentication", "kube-system"),
           "the agent's role")
    assert core("create", "tokenreviews", group="authentication.k8s.io")
    assert core("create", "subjectaccessreviews", group="authorization.k8s.io")
    assert not core("get", "pods", "web", "shop")
    assert not core("get", "secrets", "ns-debug-tls", helm.NAMESPACE)
    assert not core("create", "pods/exec", "web", "shop")
    assert not may(installed, agent, "create", "pods/exec", "shop", "web")
