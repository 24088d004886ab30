"""A second node of another kind: an emulated machine with pure cgroup v2, AppArmor, user namespaces
and the newest kernel.

    with VmNode(cluster.control_plane, {reference: archive}) as node:
        node.join()
        cluster.apply({..., "spec": {"nodeSelector": node.selector, ...}})

The machine boots while the caller does something else; join() waits for it.
"""

import contextlib
import json
import os
import pathlib
import types
from collections.abc import Mapping

import vm
from bed import Unavailable
from bed.deadline import DeadlineExceeded

from . import binary, conditions, kept_logs, kubelet_config
from .certificates import Certificate
from .client import ApiError
from .control_plane import ControlPlane
from .network import ADDRESS as GATEWAY

NAME = "node-2"
_ADDRESS = "10.251.0.2"
# In vm/guest/cni.conflist as well.
_PODS = "10.250.1.0/24"
_TAP = "nsdbg-vm0"
_TUN = "/dev/net/tun"
_RUNTIME = "unix:///run/containerd/containerd.sock"
# Where the guest has what is in here under `node/`.
_GUEST_FOLDER = pathlib.Path(vm.MOUNT_POINT, "node")
# Half a minute on an idle machine, many times that on a busy one.
_READY_SECONDS = 600
_LOG_LINES = 30


class VmNode:
    """The node inside of the block, which has the images of bed.image, and of `images` those of
    docker-archives or OCI archives by the references that pods have for them. Entering raises
    Unavailable where such a machine cannot run. It leaves the cluster when the block ends."""

    def __init__(self, control_plane: ControlPlane,
                 images: Mapping[str, pathlib.Path] = types.MappingProxyType({})):
        self.name = NAME
        # For pods that are to run here.
        self.selector = {"kubernetes.io/hostname": NAME}
        self._control_plane = control_plane
        self._images = images
        self._vm: vm.Vm | None = None
        self._cleanup = contextlib.ExitStack()

    def __enter__(self) -> "VmNode":
        if not os.path.exists(_TUN):
            raise Unavailable(f"{_TUN} is missing: a virtual machine has no way into the cluster")
        plane = self._control_plane
        with contextlib.ExitStack() as stack:
            stack.callback(self._forget)
            plane.network.add_tap(_TAP, _ADDRESS, _PODS)
            stack.callback(plane.network.remove_tap, _TAP, _PODS)
            files = self._files()
            disk = plane.folder / self.name / "images.ext4"
            vm.image_disk.write(disk, self._images)
            stack.callback(disk.unlink)
            self._vm = vm.Vm(None, files, vm.Network(plane.network_namespace, _TAP), disk)
            stack.enter_context(self._vm)
            stack.callback(kept_logs.keep, self._vm.folder)
            self._cleanup = stack.pop_all()
        return self

    def __exit__(self, kind, value, trace) -> None:
        self._cleanup.__exit__(kind, value, trace)

    def join(self) -> None:
        """Starts its kubelet; pods can run on it when it returns."""
        try:
            # Waits for its reader.
            self.check("echo >/run/join")
            self._control_plane.wait_for(f"/api/v1/nodes/{self.name}", conditions.takes_pods,
                                         _READY_SECONDS, f"{self.name} ready")
        except (AssertionError, DeadlineExceeded) as error:
            raise RuntimeError(f"{error}\n{self.log_tail()}") from None

    def leave(self) -> None:
        """Ends the machine and takes the node and its pods out of the cluster, as the end of the
        block does."""
        self._cleanup.close()

    def check(self, command: str, seconds: float = _READY_SECONDS) -> str:
        """Standard output of a shell command in the guest, which must succeed."""
        return self._vm.check(command, seconds)

    def log_tail(self) -> str:
        """The last lines of what its containerd and its kubelet have said."""
        text = (self._vm.folder / "guest.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-_LOG_LINES:])

    def _files(self) -> dict[str, pathlib.Path]:
        """What the guest gets, by its name below vm.MOUNT_POINT."""
        plane = self._control_plane
        folder = plane.folder / self.name
        folder.mkdir(mode=0o700, exist_ok=True)
        serving = plane.serving_certificate(self.name, [_ADDRESS], [self.name])
        (folder / "settings").write_text(f"{self.name} {_ADDRESS} {GATEWAY}\n")
        there = Certificate(_GUEST_FOLDER / "kubelet.crt", _GUEST_FOLDER / "kubelet.key")
        config = kubelet_config.make(_ADDRESS, there, _GUEST_FOLDER / "client-ca.crt", _RUNTIME)
        (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
        files = {
            "kubelet": binary.kubernetes() / "kubelet",
            "kubelet.crt": serving.certificate,
            "kubelet.key": serving.key,
            "client-ca.crt": plane.client_ca,
            "kubeconfig": kubelet_config.write_kubeconfig(plane, self.name),
            "settings": folder / "settings",
            "config.json": folder / "config.json",
        }
        return {f"node/{name}": path for name, path in files.items()}

    def _forget(self) -> None:
        """Removes what the API server has of it."""
        plane = self._control_plane
        # First the node, or its DaemonSets would make new pods for it.
        for item in [{"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.name}},
                     *self._pods()]:
            with contextlib.suppress(ApiError):  # Gone already.
                plane.delete(item, at_once=True)

    def _pods(self) -> list[dict]:
        query = f"fieldSelector=spec.nodeName%3D{self.name}"
        return [{"apiVersion": "v1", "kind": "Pod", "metadata": pod["metadata"]}
                for pod in self._control_plane.get(f"/api/v1/pods?{query}")["items"]]
