"""The kubelet: what makes a machine with a runtime a node."""

import contextlib
import http.client
import json
import pathlib

from bed import Containerd, leftovers

from . import kubelet_config
from .control_plane import ControlPlane
from .kubelet_config import HEALTH
from .server import Server

_START_SECONDS = 120
_ANSWER_SECONDS = 5


class Kubelet:
    """The kubelet of the node `name` at `address`, which runs where its containerd runs."""

    def __init__(self, control_plane: ControlPlane, containerd: Containerd, name: str,
                 address: str):
        self.name = name
        self._address = address
        self._control_plane = control_plane
        self._containerd = containerd
        self._folder = control_plane.folder / name
        self._folder.mkdir(mode=0o700)
        self._server = Server(control_plane.network, control_plane.folder / f"{name}-kubelet.log")

    @property
    def pid(self) -> int:
        """The kubelet's own pid."""
        return self._server.pid

    def start(self, program: pathlib.Path) -> None:
        """Starts it and waits until it is healthy."""
        # The kubelet makes all the cgroups below its root, but not that one.
        for root in leftovers.cgroup_roots():
            (root / self._containerd.name).mkdir(exist_ok=True)
        config = self._folder / "config.json"
        config.write_text(json.dumps(self._config(), indent=1) + "\n")
        settings = {
            "config": config,
            "kubeconfig": kubelet_config.write_kubeconfig(self._control_plane, self.name),
            "hostname-override": self.name,
            "node-ip": self._address,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        self._server.start(self._containerd.command(str(program), *options),
                           self._is_healthy, _START_SECONDS)

    def stop(self) -> None:
        """Kills it; its pods run on."""
        self._server.stop()

    def log_tail(self) -> str:
        """The last lines of its log."""
        return self._server.log_tail()

    def _is_healthy(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(*HEALTH)
            connection.sock = self._control_plane.network.connect(*HEALTH, _ANSWER_SECONDS)
            with contextlib.closing(connection):
                connection.request("GET", "/healthz")
                return connection.getresponse().status == http.client.OK
        return False

    def _config(self) -> dict:
        serving = self._control_plane.serving_certificate(
            self.name, [self._address], [self.name])
        return kubelet_config.make(
            self._address, serving, self._control_plane.client_ca, self._containerd.endpoint) | {
            # All of its pods are below the bed's cgroup, on hosts with cgroup v1 as well.
            "cgroupRoot": f"/{self._containerd.name}",
            "failCgroupV1": False,
            "enforceNodeAllocatable": [],
            # What an unprivileged container or virtual machine may not do: lower its own score,
            # turn swap off, look at the device of a file system.
            "oomScoreAdj": 0,
            "failSwapOn": False,
            "localStorageCapacityIsolation": False,
        }
