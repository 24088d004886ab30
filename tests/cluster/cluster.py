"""A whole cluster: a control plane, the controllers, and this machine as its node.

    with Cluster() as cluster:
        cluster.namespace("shop")
        cluster.apply(pod("shop", "web"))
        cluster.wait_for_pod("shop", "web")

Needs root. Nothing on the machine is shared with it; when the block ends, however it ends, nothing
of it is left, or the next bed or cluster sweeps it. Pods use the images of bed.image, by the names
that image.reference() gives, and what import_image() adds. There is no registry, no DNS and no
kube-proxy: of the services only `kubernetes` can be reached, which is the API server.
"""

import contextlib
import pathlib

from bed import stop_signals
from bed.deadline import DeadlineExceeded

from . import binary, conditions
from .control_plane import ControlPlane
from .controller_manager import ControllerManager
from .node import Node
from .scheduler import Scheduler

_POD_SECONDS = 120
_CONTROLLER_SECONDS = 60


class Cluster:
    """Use it in a `with`; entering raises Unavailable when this machine cannot run it.

    `control_plane` is a ControlPlane, `node` a Node. The servers end with the thread that entered
    the block, even when it is killed; containerd and the pods are then swept by the next one.

    With `network_of=1` the node's network is that of process 1, as on a real node; it must not be
    the machine's.
    """

    def __init__(self, network_of: int | None = None):
        self.control_plane = ControlPlane(network_of)
        self.node: Node | None = None
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> "Cluster":
        try:
            self._start()
        except BaseException as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(self, kind, value, trace) -> None:
        with stop_signals.deferred():
            self._cleanup.__exit__(kind, value, trace)

    @property
    def folder(self) -> pathlib.Path:
        """The control plane's, for files that go away with the cluster."""
        return self.control_plane.folder

    @property
    def network_namespace(self) -> pathlib.Path:
        """For `nsenter --net=`: where all servers are reachable, and the pods."""
        return self.control_plane.network_namespace

    @property
    def admin(self) -> pathlib.Path:
        """The administrator's kubeconfig."""
        return self.control_plane.admin

    def namespace(self, name: str) -> None:
        """Makes a namespace and waits until pods can be made in it."""
        self.control_plane.namespace(name)
        # The first is the one they run as; the other is mounted beside its token.
        for path in ("serviceaccounts/default", "configmaps/kube-root-ca.crt"):
            self.wait_for(f"/api/v1/namespaces/{name}/{path}", lambda found: True,
                          f"{path} of {name}", _CONTROLLER_SECONDS)

    def apply(self, manifest: dict | list[dict]) -> None:
        """Client.apply() as the administrator."""
        self.control_plane.apply(manifest)

    def delete(self, manifest: dict | list[dict]) -> None:
        """Client.delete() as the administrator."""
        self.control_plane.delete(manifest)

    def get(self, path: str) -> dict:
        """Client.get() as the administrator."""
        return self.control_plane.get(path)

    def wait_for(self, path: str, condition, what: str, seconds: float = _POD_SECONDS) -> dict:
        """Client.wait_for() as the administrator; the error has the end of the kubelet's log."""
        try:
            return self.control_plane.wait_for(path, condition, seconds, what)
        except DeadlineExceeded as error:
            raise DeadlineExceeded(f"{error}\n{self.node.log_tail()}") from None

    def wait_for_pod(self, namespace: str, name: str, seconds: float = _POD_SECONDS) -> dict:
        """The pod when it is ready; it need not be there yet."""
        return self.wait_for(f"/api/v1/namespaces/{namespace}/pods/{name}", conditions.is_ready,
                             f"pod {namespace}/{name} ready", seconds)

    def import_image(self, archive: pathlib.Path, *references: str) -> None:
        """Gives the node the images of a docker-archive or OCI archive, for pods that name them by
        these `references`."""
        self.node.import_image(archive, *references)

    def check_clean(self) -> list[str]:
        """What it has on the machine, one line each; empty after its end."""
        left = self.control_plane.check_clean()
        return left + self.node.check_clean() if self.node else left

    def _start(self) -> None:
        self._cleanup.enter_context(self.control_plane)
        programs = binary.kubernetes()
        components = [ControllerManager(self.control_plane, programs),
                      Scheduler(self.control_plane, programs)]
        for component in components:
            self._cleanup.callback(component.stop)
            component.launch()
        # Meanwhile.
        self.node = Node(self.control_plane, programs)
        self._cleanup.enter_context(self.node)
        for component in components:
            component.wait()
        self.node.wait_until_ready()
