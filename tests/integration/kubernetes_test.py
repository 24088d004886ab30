"""The whole test cluster: pods on this machine by way of a real API server and kubelet.

It runs under in_pid_namespace: an agent on that node looks at the node's process 1.
"""

import asyncio
import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import sys
import tarfile

import pytest
import websockets
from bed import Unavailable, check_clean, image, sweep
from bed.deadline import DeadlineExceeded, wait_until
from cluster import Cluster, apiserver, fetch_kubectl, kubectl, kubectl_command

TESTS = pathlib.Path(__file__).resolve().parent.parent
END_SECONDS = 60
NOTICE_SECONDS = 30
TALK_SECONDS = 60
HELLO = b"HTTP/1.0 200 OK\r\nContent-Length: 6\r\n\r\nhello\n"


@contextlib.contextmanager
def start():
    """A cluster, or a skip where it cannot be had; proven to be gone at the end."""
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(Cluster())
        except Unavailable as error:
            pytest.skip(str(error))
        yield running
    assert running.check_clean() == []


@pytest.fixture(scope="module", name="cluster")
def cluster_fixture():
    with start() as running:
        running.namespace("shop")
        running.apply(pod("shop", "web"))
        running.wait_for_pod("shop", "web")
        yield running


def pod_spec() -> dict:
    """A container with a shell, and one with a TCP server on port 8080 and nothing else."""
    shell = ["sh", "-c", "echo open for business; exec sleep 1000000"]
    return {
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {"name": "box", "image": image.reference("busybox"), "command": shell},
            {"name": "app", "image": image.reference("distroless")},
        ],
    }


def pod(namespace: str, name: str) -> dict:
    return {"apiVersion": "v1", "kind": "Pod",
            "metadata": {"namespace": namespace, "name": name}, "spec": pod_spec()}


def workload(kind: str, name: str, **fields) -> dict:
    """A Deployment or DaemonSet in the namespace shop, of pods with its name as their label."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"namespace": "shop", "name": name},
        "spec": {"selector": {"matchLabels": labels}, **fields,
                 "template": {"metadata": {"labels": labels}, "spec": pod_spec()}},
    }


def pods_of(cluster, name: str) -> list[dict]:
    return cluster.get(f"/api/v1/namespaces/shop/pods?labelSelector=app%3D{name}")["items"]


def wait_for_workload(cluster, kind: str, name: str, condition) -> dict:
    return cluster.wait_for(f"/apis/apps/v1/namespaces/shop/{kind}/{name}",
                            lambda found: condition(found["status"]), f"{kind} {name}")


def spawn_up():
    """`python3 -m cluster up --node` as a child that is up, and the names of what it made."""
    child = subprocess.Popen(
        [sys.executable, "-B", "-m", "cluster", "up", "--node"], cwd=TESTS,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = []
    while not (lines and lines[-1].startswith("export CLUSTER_RUNTIME=")):
        line = child.stdout.readline()
        if not line:
            _, told = child.communicate()
            if told.startswith("cluster: "):
                pytest.skip(told.strip())
            pytest.fail(told)
        lines.append(line)
    names = sorted(set(re.findall(r"nsdbg-[0-9-]+", "".join(lines))))
    assert len(names) == 2, lines
    variables = dict(re.findall(r"^export (\w+)=(.*)$", "".join(lines), re.MULTILINE))
    return child, names, variables


def kubectl_as_told(variables: dict[str, str], *arguments: str, text: str = "") -> None:
    """Runs kubectl as a shell would after the `eval` of what `up` printed."""
    subprocess.run(["nsenter", f"--net={variables['CLUSTER_NETNS']}", fetch_kubectl(), *arguments],
                   env={**os.environ, "KUBECONFIG": variables["KUBECONFIG"]}, input=text,
                   capture_output=True, text=True, check=True)


def left(names: list[str]) -> list[str]:
    return [line for name in names for line in check_clean(name)]


@pytest.mark.parametrize("turn", ["first", "again"])
def test_comes_up_and_leaves_nothing(turn, monkeypatch, tmp_path):
    monkeypatch.setenv("NS_DEBUG_TEST_LOGS", str(tmp_path))
    # The kubelet's, whatever its options say. A machine that is a node has them already.
    paths = ("/var/lib/kubelet/device-plugins", "/var/log/containers", "/var/log/pods")
    before = [path for path in paths if os.path.exists(path)]
    with start() as cluster:
        assert cluster.get("/api/v1/pods")["items"] == []
        cluster.namespace(f"shop-{turn}")
        cluster.apply(pod(f"shop-{turn}", "web"))
        cluster.wait_for_pod(f"shop-{turn}", "web")
        # What is up must also be seen, or an empty list at the end would prove nothing.
        seen = "\n".join(cluster.check_clean())
        for kind in ("process [0-9]+ kubelet", "process [0-9]+ kube-scheduler",
                     "process [0-9]+ kube-controller", "process [0-9]+ containerd-shim",
                     "process [0-9]+ sleep", "mount", "cgroup", "network namespace", "folder"):
            assert re.search(f"^{kind}", seen, re.MULTILINE), f"{kind} not seen in:\n{seen}"
    assert [path for path in paths if os.path.exists(path)] == before
    # Nothing but what was asked for.
    assert {path.name for path in tmp_path.glob("*/*")} == {
        "etcd.log", "kube-apiserver.log", "kube-controller-manager.log", "kube-scheduler.log",
        "containerd.log", "node-1-kubelet.log"}


def test_the_node_is_ready(cluster):
    node = cluster.get(f"/api/v1/nodes/{cluster.node.name}")
    assert {"type": "InternalIP", "address": cluster.node.address} in node["status"]["addresses"]
    assert node["status"]["nodeInfo"]["containerRuntimeVersion"].startswith("containerd://2.1")
    assert node["status"]["nodeInfo"]["kubeletVersion"] == cluster.get("/version")["gitVersion"]


def test_a_pod_runs_with_the_default_service_account(cluster):
    found = cluster.get("/api/v1/namespaces/shop/pods/web")
    assert found["spec"]["serviceAccountName"] == "default"
    assert found["status"]["hostIP"] == cluster.node.address
    assert found["status"]["podIP"].startswith("10.250.0.")
    # The address that every pod is told, of a service without a kube-proxy. TLS is beyond busybox.
    told = kubectl(cluster, "-n", "shop", "exec", "web", "-c", "box", "--", "sh", "-c",
                   "test -s /var/run/secrets/kubernetes.io/serviceaccount/token &&"
                   " printf 'GET / HTTP/1.0\\r\\n\\r\\n' |"
                   " nc $KUBERNETES_SERVICE_HOST $KUBERNETES_SERVICE_PORT")
    assert "Client sent an HTTP request to an HTTPS server" in told.stdout


def test_kubectl_execs_and_gives_the_exit_code(cluster):
    told = kubectl(cluster, "-n", "shop", "exec", "-i", "web", "-c", "box", "--", "sh", "-c",
                   "id -u; cat; echo no >&2; exit 3", input="hi\n", check=False)
    assert told.returncode == 3
    assert told.stdout == "0\nhi\n"
    assert told.stderr.startswith("no\n")


def test_kubectl_reads_the_log(cluster):
    assert kubectl(cluster, "-n", "shop", "logs", "web", "-c",
                   "box").stdout == "open for business\n"


def test_kubectl_forwards_a_port(cluster):
    command = kubectl_command(cluster, "-n", "shop", "port-forward", "pod/web", ":8080")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        try:
            port = re.search(r"^Forwarding from 127\.0\.0\.1:([0-9]+) -> 8080$",
                             child.stdout.readline())[1]
            # kubectl listens on the loopback address of the cluster's network.
            with cluster.control_plane.network.connect(
                    "127.0.0.1", int(port), TALK_SECONDS) as client:
                assert read_all(client) == HELLO
        finally:
            child.terminate()


def read_all(client: socket.socket) -> bytes:
    data = b""
    while got := client.recv(4096):
        data += got
    return data


def forward(cluster, port: int) -> tuple[dict[int, bytes], int]:
    """Everything that a port-forward to shop/web sends on each channel of v4.channel.k8s.io, and
    the code that its WebSocket is closed with."""
    return asyncio.run(asyncio.wait_for(_forward(cluster.control_plane, port), TALK_SECONDS))


async def _forward(control_plane, port: int) -> tuple[dict[int, bytes], int]:
    user = control_plane.user("forwarder", ["system:masters"])
    context = ssl.create_default_context(cafile=control_plane.ca)
    context.load_cert_chain(user.certificate, user.key)
    host, api_port = apiserver.ADDRESS
    received = {0: b"", 1: b""}
    async with websockets.connect(
            f"wss://{host}/api/v1/namespaces/shop/pods/web/portforward?ports={port}",
            sock=control_plane.network.connect(host, api_port, TALK_SECONDS), ssl=context,
            server_hostname=host, subprotocols=["v4.channel.k8s.io"]) as websocket:
        assert websocket.subprotocol == "v4.channel.k8s.io"
        async for message in websocket:
            received[message[0]] += message[1:]
        return received, websocket.close_code


def test_a_websocket_forwards_a_port(cluster):
    received, close_code = forward(cluster, 8080)
    # Each channel begins with the port.
    prefix = (8080).to_bytes(2, "little")
    assert received == {0: prefix + HELLO, 1: prefix}
    assert close_code == 1000


def test_a_websocket_tells_that_nobody_listens(cluster):
    received, _ = forward(cluster, 8081)
    prefix = (8081).to_bytes(2, "little")
    assert received[0] == prefix
    assert received[1].startswith(prefix) and b"connection refused" in received[1]


def test_a_deployment_scales(cluster):
    cluster.apply(workload("Deployment", "scaled", replicas=1))
    wait_for_workload(cluster, "deployments", "scaled",
                      lambda status: status.get("readyReplicas") == 1)
    kubectl(cluster, "-n", "shop", "scale", "deployment/scaled", "--replicas=2")
    wait_for_workload(cluster, "deployments", "scaled",
                      lambda status: status.get("readyReplicas") == 2)
    assert len({item["status"]["podIP"] for item in pods_of(cluster, "scaled")}) == 2
    # And the garbage collector takes the pods along.
    cluster.delete(workload("Deployment", "scaled"))
    wait_until(lambda: not pods_of(cluster, "scaled"), TALK_SECONDS, "the pods of scaled gone")


def test_a_daemon_set_has_its_pod_on_the_node(cluster):
    cluster.apply(workload("DaemonSet", "everywhere"))
    wait_for_workload(cluster, "daemonsets", "everywhere",
                      lambda status: status.get("numberReady") == 1)
    assert [item["spec"]["nodeName"] for item in pods_of(cluster, "everywhere")] == [
        cluster.node.name]


def test_a_privileged_pod_sees_the_node(cluster):
    mounts = {"machine": "/var/log/pods", "runtime": "/run/containerd"}
    agent = pod("shop", "agent")
    agent["spec"]["hostPID"] = True
    agent["spec"]["volumes"] = [{"name": name, "hostPath": {"path": path, "type": "Directory"}}
                                for name, path in mounts.items()]
    box = agent["spec"]["containers"][0]
    box["securityContext"] = {"privileged": True}
    box["volumeMounts"] = [{"name": name, "mountPath": f"/node/{name}",
                            "mountPropagation": "HostToContainer"} for name in mounts]
    cluster.apply(agent)
    cluster.wait_for_pod("shop", "agent")
    # The last is what an agent tells the node's own processes by.
    told = kubectl(cluster, "-n", "shop", "exec", "agent", "-c", "box", "--", "sh", "-c",
                   "ls /node/machine; ls /node/runtime; readlink /proc/1/ns/pid")
    assert "shop_agent_" in told.stdout and "containerd.sock" in told.stdout
    assert told.stdout.splitlines()[-1] == os.readlink("/proc/self/ns/pid")


def test_a_pod_runs_an_image_that_was_imported(cluster, tmp_path):
    reference = "localhost/shop/till:1.0"
    image.write_archive(tmp_path / "bed.tar")
    with tarfile.open(tmp_path / "bed.tar") as bed:
        bed.extractall(tmp_path / "bed")
    manifest = tmp_path / "bed/manifest.json"
    entry, = [entry for entry in json.loads(manifest.read_text())
              if entry["RepoTags"] == [image.reference("distroless")]]
    manifest.write_text(json.dumps([{**entry, "RepoTags": [reference]}]))
    with tarfile.open(tmp_path / "till.tar", "w") as archive:
        archive.add(tmp_path / "bed", "")

    cluster.import_image(tmp_path / "till.tar", reference)
    till = pod("shop", "till")
    till["spec"]["containers"] = [{"name": "till", "image": reference, "imagePullPolicy": "Never"}]
    cluster.apply(till)
    status = cluster.wait_for_pod("shop", "till")["status"]
    assert status["containerStatuses"][0]["restartCount"] == 0


def test_a_pod_that_does_not_get_ready_says_why(cluster):
    broken = pod("shop", "broken")
    broken["spec"]["containers"] = [{"name": "box", "image": "localhost/nsdbg/none:bed",
                                     "imagePullPolicy": "Never"}]
    cluster.apply(broken)
    cluster.wait_for("/api/v1/namespaces/shop/pods/broken", waits_for_image, "no image")
    with pytest.raises(DeadlineExceeded, match="pod shop/broken ready: .*ErrImageNeverPull"):
        cluster.wait_for_pod("shop", "broken", seconds=5)


def waits_for_image(found: dict) -> bool:
    return any(state["state"].get("waiting", {}).get("reason") == "ErrImageNeverPull"
               for state in found["status"].get("containerStatuses", []))


@pytest.mark.parametrize("server,port,told", [
    ("kubelet", "kubelet_config._PORT", "invalid configuration"),
    ("scheduler", "scheduler._PORT", "secure-port -1 must be"),
])
def test_a_server_that_cannot_start_says_why_and_leaves_nothing(monkeypatch, server, port, told):
    monkeypatch.setattr(f"cluster.{port}", -1)
    cluster = Cluster()
    with pytest.raises(RuntimeError, match=f"{server} ended with 1\n(.|\n)*{told}"):
        try:
            with cluster:
                pass
        except Unavailable as error:
            pytest.skip(str(error))
    assert cluster.check_clean() == []


def test_a_killed_owner_is_swept_by_the_next():
    child, names, variables = spawn_up()
    kubectl_as_told(variables, "apply", "-f", "-", text=json.dumps(pod("default", "web")))
    kubectl_as_told(variables, "wait", "--for=condition=Ready", "pod/web",
                    f"--timeout={TALK_SECONDS}s")
    seen = "\n".join(left(names))
    assert "kubelet" in seen and "sleep" in seen and "cgroup" in seen
    child.kill()
    child.communicate()
    # Tests beside this one may sweep it as well, so not what this call removes counts.
    sweep()
    wait_until(lambda: left(names) == [], NOTICE_SECONDS, f"{names} gone")


@pytest.mark.parametrize("end", ["stdin", "SIGTERM"])
def test_up_removes_everything_when_told_to_end(end):
    child, names, _ = spawn_up()
    if end == "stdin":
        child.stdin.close()
    else:
        child.send_signal(signal.SIGTERM)
    status = child.wait(END_SECONDS)
    assert status == (0 if end == "stdin" else 128 + signal.SIGTERM), child.stderr.read()
    assert left(names) == []
