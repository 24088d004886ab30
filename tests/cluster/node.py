"""This machine as a node of the cluster: containerd and a kubelet."""

import contextlib
import pathlib

from bed import Containerd
from bed.deadline import DeadlineExceeded

from . import conditions, kept_logs
from .control_plane import ControlPlane
from .kubelet import Kubelet
from .network import ADDRESS

NAME = "node-1"
# The kubelet of Kubernetes 1.36 asks for a runtime of the 2.x series.
_CONTAINERD = "2.1"
_READY_SECONDS = 120


class Node:
    """A node inside of the block; its containers end with it. Pods wait_until_ready()."""

    def __init__(self, control_plane: ControlPlane, programs: pathlib.Path):
        self.name = NAME
        # The cluster's own address on its bridge, where pods and other nodes reach it.
        self.address = ADDRESS
        self._control_plane = control_plane
        self._program = programs / "kubelet"
        self._containerd = Containerd(_CONTAINERD, netns=control_plane.name, node_files=True)
        self._kubelet: Kubelet | None = None
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> "Node":
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._containerd)
            stack.callback(kept_logs.keep, self._containerd.folder)
            self._kubelet = Kubelet(
                self._control_plane, self._containerd, self.name, self.address)
            # First of all: it would start again what containerd is told to remove.
            stack.callback(self._kubelet.stop)
            self._kubelet.start(self._program)
            self._cleanup = stack.pop_all()
        return self

    def __exit__(self, kind, value, trace) -> None:
        self._cleanup.__exit__(kind, value, trace)

    def wait_until_ready(self) -> None:
        """Waits until pods can run on it, which the controllers have a part in."""
        try:
            self._control_plane.wait_for(
                f"/api/v1/nodes/{self.name}", conditions.takes_pods, _READY_SECONDS,
                f"{self.name} ready")
        except DeadlineExceeded as error:
            raise RuntimeError(f"{error}\n{self.log_tail()}") from None

    @property
    def endpoint(self) -> str:
        """containerd's CRI endpoint, as in unix:///folder/socket."""
        return self._containerd.endpoint

    @property
    def pids(self) -> list[int]:
        """containerd's pid and the kubelet's."""
        return [self._containerd.pid, self._kubelet.pid]

    @property
    def cgroup(self) -> str:
        """Its name below every hierarchy's root: all of the node's pods are in it."""
        return self._containerd.name

    def restart_runtime(self) -> None:
        """Kills containerd and starts it again: its containers run on."""
        self._containerd.restart()

    def restart_kubelet(self) -> None:
        """Kills the kubelet and starts it again: its pods run on."""
        self._kubelet.stop()
        self._kubelet.start(self._program)

    def import_image(self, archive: pathlib.Path, *references: str) -> None:
        """Containerd.import_image() of its containerd."""
        self._containerd.import_image(archive, *references)

    def command(self, *command: str) -> list[str]:
        """`command` run as one of the node's own: in its network, with its files."""
        return self._containerd.command(*command)

    def log_tail(self) -> str:
        """The last lines of the kubelet's log."""
        return self._kubelet.log_tail()

    def check_clean(self) -> list[str]:
        """What it has on the machine, one line each; empty after its end."""
        return self._containerd.check_clean()
