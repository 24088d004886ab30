"""The chart on a cluster, by a real helm, and what can be seen of it on the node."""

import contextlib
import json
import os
import pathlib
import subprocess

from bed import leftovers
from bed.deadline import DeadlineExceeded, wait_until
from cluster import ApiError, Cluster, fetch_helm

import agent_image

ROOT = agent_image.ROOT
NAMESPACE = "ns-debug"
RELEASE = "ns-debug"
# The chart's own default, and where every node of the cluster has it.
RUNTIME_SOCKET = "/run/containerd/containerd.sock"
_PRIVILEGED = "pod-security.kubernetes.io/enforce"
_HELM_SECONDS = 300
# As long as an agent lets its sessions go on when it is told to stop, and then some.
_END_SECONDS = 60


class Deployment:
    """The release, which install() makes and uninstall() removes."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        # Below the node's own, where the clean-up of a killed test finds it.
        self.cgroup_parent = f"/{cluster.node.cgroup}/ns-debug"

    def install(self) -> None:
        """Makes the namespace and installs the chart; the agents are ready when it returns."""
        self.cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {
            "name": NAMESPACE, "labels": {_PRIVILEGED: "privileged"}}})
        self.helm("install", RELEASE, ROOT / "charts" / "ns-debug", "--wait", *self._values())

    def upgrade(self, *options: str, **values: str) -> None:
        """As docs/install.md has it, with further values: a__b is a.b. With --wait among `options`
        the agents are ready when it returns."""
        changes = [option for name, value in values.items()
                   for option in ("--set", f"{name.replace('__', '.')}={value}")]
        self.helm("upgrade", RELEASE, ROOT / "charts" / "ns-debug", "--reset-then-reuse-values",
                  *options, *changes)

    def uninstall(self) -> None:
        """Removes the release and waits until its objects are gone."""
        self.helm("uninstall", RELEASE, "--wait")

    def helm(self, *arguments: str | pathlib.Path) -> str:
        """Standard output of one command of helm."""
        command = self.cluster.control_plane.network.command(
            str(fetch_helm()), *map(str, arguments), "--timeout", f"{_HELM_SECONDS}s")
        environment = {**os.environ, "KUBECONFIG": str(self.cluster.admin),
                       "HELM_NAMESPACE": NAMESPACE, "HOME": str(self.cluster.folder)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True,
                              timeout=2 * _HELM_SECONDS, check=False)
        assert done.returncode == 0, f"{done.stderr}\n{self.describe()}"
        return done.stdout

    def agent_pod(self, node: str = "") -> dict:
        """The agent's pod on a node, by default the cluster's first one, which must be one."""
        found = [pod for pod in self._agent_pods(node or self.cluster.node.name)
                 if "deletionTimestamp" not in pod["metadata"]]
        assert len(found) == 1, [pod["metadata"]["name"] for pod in found]
        return found[0]

    def wait_until_ready(self, not_uid: str = "", node: str = "") -> dict:
        """The agent's pod on a node when it is ready; another one than that with the UID
        `not_uid`."""
        def ready() -> dict | None:
            for pod in self._agent_pods(node or self.cluster.node.name):
                is_other = pod["metadata"]["uid"] != not_uid
                conditions = pod.get("status", {}).get("conditions", [])
                if is_other and any(one["type"] == "Ready" and one["status"] == "True"
                                    for one in conditions):
                    return pod
            return None

        try:
            return wait_until(ready, _HELM_SECONDS, "an agent ready")
        except DeadlineExceeded as error:
            raise DeadlineExceeded(f"{error}\n{self.describe()}") from None

    def events(self) -> list[str]:
        """What Kubernetes has told of the agents."""
        path = f"/api/v1/namespaces/{NAMESPACE}/events"
        return [one.get("message", "") for one in self.cluster.get(path)["items"]]

    def describe(self) -> str:
        """Status and events of the agents, for when something went wrong."""
        pods = [{"name": pod["metadata"]["name"], "status": pod.get("status")}
                for pod in self._agent_pods()]
        return json.dumps({"pods": pods, "events": self.events()})

    def log(self) -> str:
        """What the agent has said since it was started; empty when it cannot be read yet."""
        found = [pod["metadata"]["name"] for pod in self._agent_pods()
                 if "deletionTimestamp" not in pod["metadata"]]
        client = self.cluster.control_plane.client(
            self.cluster.control_plane.user("reader", ["system:masters"]))
        with contextlib.suppress(ApiError):
            return "".join(client.request("GET", f"/api/v1/namespaces/{NAMESPACE}/pods/{name}/log")
                           for name in found)
        return ""

    def audit(self) -> list[dict]:
        """The audit lines among that."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith('{"')]

    def sessions(self) -> list[pathlib.Path]:
        """The cgroups of sessions; each has all of a session's processes."""
        parents = [root / self.cgroup_parent[1:] for root in leftovers.cgroup_roots()]
        return [path for parent in parents if parent.is_dir()
                for path in parent.iterdir() if path.is_dir()]

    def processes(self, word: str) -> list[str]:
        """The command lines on the node of a sleep with an argument that begins with `word`."""
        return [" ".join(line) for line in _command_lines().values() if line[0] == "sleep"
                and any(argument.startswith(word) for argument in line)]

    def agent_processes(self) -> list[int]:
        """The pids of agents and of what they start for sessions."""
        return [pid for pid, line in _command_lines().items()
                if line[0] in ("/usr/bin/ns-debug-agent", "/usr/bin/ns-enter")]

    def wait_until_no_session(self) -> None:
        """Waits until nothing of any session is on the node."""
        wait_until(lambda: not self.sessions(), _END_SECONDS, "the sessions' cgroups gone")

    def _agent_pods(self, node: str = "") -> list[dict]:
        """Those on a node; without one, all."""
        path = f"/api/v1/namespaces/{NAMESPACE}/pods"
        selector = "labelSelector=app.kubernetes.io%2Fname%3Dns-debug"
        if node:
            selector += f"&fieldSelector=spec.nodeName%3D{node}"
        return self.cluster.get(f"{path}?{selector}")["items"]

    def _values(self) -> list[str]:
        values = {
            "image.repository": agent_image.REPOSITORY, "image.tag": "agent",
            "config.session.cgroupParent": self.cgroup_parent,
            # So that a right that was given or taken counts at once.
            "config.auth.deniedTTL": "1s", "config.auth.allowedTTL": "1s",
            "config.auth.tokenTTL": "1s",
            # A test that takes agents away does not wait for sessions that nobody ends.
            "config.server.stopGrace": "2s",
        }
        return [option for name, value in values.items()
                for option in ("--set", f"{name}={value}")]


def _command_lines() -> dict[int, list[str]]:
    """Those of all processes of the node, by their pid."""
    lines = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError, ValueError):
            lines[int(path.parent.name)] = path.read_text(errors="replace").split("\0")
    return lines
