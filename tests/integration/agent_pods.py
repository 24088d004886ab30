"""The agent as it is deployed: a DaemonSet of the chart in a test cluster, from an image that has
busybox and the programs of this build."""

import contextlib
import dataclasses
import pathlib
import subprocess
import sys
import tempfile
import time

import pytest
import roles
from bed import Unavailable, image, leftovers
from bed.deadline import wait_until
from cluster import Cluster, fetch_kubectl

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chart"))
import helm  # noqa: E402  pylint: disable=wrong-import-position

NAMESPACE = helm.NAMESPACE
IMAGE = "localhost/nsdbg/agent"
ANN = roles.user("ann")
BOB = roles.user("bob")
BOT = roles.account("shop", "bot")
_TAG = "test"
_NOTICE_SECONDS = 20
_RUN_SECONDS = 120


def install(cluster: Cluster, build_dir: pathlib.Path, subjects: list[dict]) -> None:
    """Returns when the agent is ready; `subjects` are those who may reach it."""
    import_programs(cluster, build_dir, f"{IMAGE}:{_TAG}", "ns-debug-agent", "ns-enter", "ns-copy")
    cluster.namespace(NAMESPACE)
    # Below the cluster's own cgroup, which goes with the cluster.
    parent = f"/{cluster.control_plane.name}/sessions"
    for root in leftovers.cgroup_roots():
        (root / cluster.control_plane.name).mkdir(exist_ok=True)
    cluster.apply(helm.render({
        "image.repository": IMAGE, "image.tag": _TAG, "image.pullPolicy": "Never",
        "config.session.cgroupParent": parent,
        # A right that a test takes away must be gone soon.
        "config.auth.allowedTTL": "1s", "config.auth.deniedTTL": "1s",
        "userRoles.pluginSubjects": [
            {key: value for key, value in one.items() if key != "apiGroup"} for one in subjects],
    }))
    cluster.wait_for(f"/apis/apps/v1/namespaces/{NAMESPACE}/daemonsets/ns-debug",
                     lambda found: found["status"].get("numberReady") == 1, "the agent is ready")


@contextlib.contextmanager
def cluster_with_agent(build_dir: pathlib.Path):
    """A Cluster with a ready agent and the namespace shop: there ann and the service account bot may
    run commands and see workloads, and bob may look. A skip where it cannot be had; proven to be
    gone at the end."""
    with contextlib.ExitStack() as stack:
        try:
            cluster = stack.enter_context(Cluster())
            cluster.namespace("shop")
            cluster.control_plane.service_account("shop", "bot")
            install(cluster, build_dir, [ANN, BOB, BOT])
        except Unavailable as error:
            pytest.skip(str(error))
        for subject in (ANN, BOT):
            bind(cluster, "ns-debug-user", subject, roles.review_of(
                subject, "create", "pods/exec", "shop", "web"))
            bind(cluster, "view", subject, roles.review_of(
                subject, "get", "deployments", "shop", "web", "apps"), "shop")
        bind(cluster, "ns-debug-viewer", BOB, roles.review_of(BOB, "get", "pods", "shop", "web"))
        yield cluster
    assert cluster.check_clean() == []


def pod(name: str, *containers: dict, **spec) -> dict:
    """A pod in the namespace shop, of busybox unless a container has another image."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": "shop", "name": name},
            "spec": pod_spec(*containers, **spec)}


def pod_spec(*containers: dict, **spec) -> dict:
    """What a pod or a workload's template has in it."""
    return {"terminationGracePeriodSeconds": 0, **spec, "containers": [
        {"image": image.reference("busybox"), "imagePullPolicy": "Never", **one}
        for one in containers]}


def bind(cluster: Cluster, role: str, subject: dict, question: dict, namespace: str = "") -> None:
    """Binds a ClusterRole; returns when the API server answers `question` with yes."""
    cluster.apply(roles.binding(f"{role}-{subject['name']}", "ClusterRole", role, [subject],
                                namespace))
    wait_until(lambda: cluster.control_plane.create(
        "/apis/authorization.k8s.io/v1/subjectaccessreviews", question)["status"]["allowed"],
        _NOTICE_SECONDS, f"{subject['name']} has {role}")


@dataclasses.dataclass
class Ended:
    """How a run of the plugin went."""

    code: int
    stdout: bytes
    stderr: str
    seconds: float


class Plugin:
    """kubectl-ns_debug in the cluster's network, as a user of it."""

    def __init__(self, cluster: Cluster, build_dir: pathlib.Path, kubeconfig: pathlib.Path):
        self.cluster = cluster
        self.kubeconfig = kubeconfig
        self._program = build_dir / "bin" / "kubectl-ns_debug"
        self._home = cluster.folder / "home"
        self._home.mkdir(exist_ok=True)

    def command(self, *arguments: str, **variables: str) -> list[str]:
        """The command, for what needs more than its end. `variables` are further ones."""
        return self._inside(str(self._program), *arguments, **variables)

    def kubectl(self, *arguments: str) -> list[str]:
        """kubectl as the same user, which finds the plugin in its PATH."""
        return self._inside(str(fetch_kubectl()), *arguments,
                            PATH=f"{self._program.parent}:/usr/bin:/bin")

    def run(self, *arguments: str, stdin: bytes = b"", **variables: str) -> Ended:
        """The plugin's end."""
        return self.end(self.command(*arguments, **variables), stdin)

    def end(self, command: list[str], stdin: bytes = b"") -> Ended:
        """The end of one of the commands above."""
        begin = time.monotonic()
        done = subprocess.run(command, input=stdin, capture_output=True, timeout=_RUN_SECONDS,
                              check=False)
        return Ended(done.returncode, done.stdout, done.stderr.decode(),
                     time.monotonic() - begin)

    def _inside(self, *command: str, **variables: str) -> list[str]:
        settings = {"KUBECONFIG": self.kubeconfig, "HOME": self._home, **variables}
        words = [f"{name}={value}" for name, value in settings.items()]
        return ["nsenter", f"--net={self.cluster.network_namespace}", "env", "-i",
                "PATH=/usr/bin:/bin", *words, *command]


def import_programs(cluster: Cluster, build_dir: pathlib.Path, tag: str, *names: str) -> None:
    """An image of busybox and programs of this build, for pods of the cluster."""
    with tempfile.TemporaryDirectory(prefix="ns-debug-image-") as temporary:
        folder = pathlib.Path(temporary)
        programs = {}
        for name in names:
            programs[f"usr/bin/{name}"] = folder / name
            # With its symbols the image would be ten times as large.
            subprocess.run(["strip", "-o", str(folder / name), str(build_dir / "bin" / name)],
                           check=True)
        image.write_program_archive(folder / "image.tar", tag, programs)
        cluster.import_image(folder / "image.tar", tag)
