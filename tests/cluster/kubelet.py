"""The kubelet: what makes a machine with a runtime a node."""

import contextlib
import http.client
import json
import pathlib

from bed import Containerd, leftovers

from .control_plane import ControlPlane
from .server import Server

_PORT = 10250
_HEALTH = ("127.0.0.1", 10248)
_GROUP = "system:nodes"
_START_SECONDS = 120
_ANSWER_SECONDS = 5
# In pods' resolv.conf, and never asked: the cluster has no DNS.
_DNS_SERVER = "10.96.0.10"
# The machine's disk may be as full as it likes.
_NO_EVICTION = {signal: "0%" for signal in (
    "memory.available", "nodefs.available", "nodefs.inodesFree", "imagefs.available",
    "imagefs.inodesFree")}


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
        user = f"system:node:{self.name}"
        settings = {
            "config": config,
            "kubeconfig": self._control_plane.kubeconfig(f"{self.name}-kubelet", user, [_GROUP]),
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
            connection = http.client.HTTPConnection(*_HEALTH)
            connection.sock = self._control_plane.network.connect(*_HEALTH, _ANSWER_SECONDS)
            with contextlib.closing(connection):
                connection.request("GET", "/healthz")
                return connection.getresponse().status == http.client.OK
        return False

    def _config(self) -> dict:
        serving = self._control_plane.serving_certificate(
            self.name, [self._address], [self.name])
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self._address,
            "port": _PORT,
            "healthzBindAddress": _HEALTH[0],
            "healthzPort": _HEALTH[1],
            "tlsCertFile": str(serving.certificate),
            "tlsPrivateKeyFile": str(serving.key),
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self._control_plane.client_ca)},
            },
            "authorization": {"mode": "Webhook"},
            "containerRuntimeEndpoint": self._containerd.endpoint,
            "clusterDomain": "cluster.local",
            "clusterDNS": [_DNS_SERVER],
            "resolvConf": "",
            # All of its pods are below the bed's cgroup, on hosts with cgroup v1 as well.
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self._containerd.name}",
            "failCgroupV1": False,
            "enforceNodeAllocatable": [],
            # What an unprivileged container or virtual machine may not do: lower its own score,
            # turn swap off, look at the device of a file system.
            "oomScoreAdj": 0,
            "failSwapOn": False,
            "localStorageCapacityIsolation": False,
            "makeIPTablesUtilChains": False,
            "evictionHard": _NO_EVICTION,
            # There is no registry to get an image from a second time.
            "imageGCHighThresholdPercent": 100,
        }
