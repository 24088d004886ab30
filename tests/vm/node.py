"""The guest as a node of a cluster: pods through its own containerd, asked from here."""

import json

from bed import image
from bed.cri_client import CriClient, messages
from bed.deadline import wait_until
from bed.pod import Container, ContainerSpec, Pod, PodSpec, container_config, sandbox_config

from .vm import Vm

# Emulated, a pod takes five seconds, and on a busy machine many times that.
_CALL_SECONDS = 240
_READY_SECONDS = 240
# Where Kubernetes puts the first pod that has a user namespace of its own.
HOST_IDS = 65536 * 3
ID_COUNT = 65536


class Node:
    """Pods and containers of the guest `vm`, as a kubelet makes them. close() ends the connection;
    the pods go with the machine. Errors are grpc.RpcError, as containerd gave them."""

    def __init__(self, vm: Vm):
        self._vm = vm
        vm.check(
            "until [ -S /run/containerd/containerd.sock ]; do sleep 0.1; done; "
            "ctr --namespace k8s.io images import /host/images.tar", _READY_SECONDS)
        self._client = CriClient(vm.runtime_endpoint)
        self._client.call_seconds = _CALL_SECONDS
        wait_until(self._has_images, _READY_SECONDS, "images known to CRI")

    def run_pod(self, namespace: str, name: str, handler: str = "runc",
                user_namespace: bool = False) -> Pod:
        """A sandbox on the runtime `handler`, runc or crun; `user_namespace` as in a pod with
        hostUsers: false."""
        spec = PodSpec(namespace, name, runtime_handler=handler)
        config = sandbox_config(spec, "", "")
        # No logs: their folder would have to be made in the guest first.
        config.log_directory = ""
        if user_namespace:
            _map_ids(config.linux.security_context)
        answer = self._client.call("RunPodSandbox", config=config, runtime_handler=handler)
        info = self._info("PodSandboxStatus", pod_sandbox_id=answer.pod_sandbox_id)
        return Pod(answer.pod_sandbox_id, info["pid"], "", spec, config)

    def run_container(self, pod: Pod, name: str, **options) -> Container:
        """A started container with containerd's AppArmor profile; `options` are the fields of
        ContainerSpec."""
        spec = ContainerSpec(name, **options)
        config = container_config(spec, pod.spec)
        config.log_path = ""
        context = config.linux.security_context
        # Present and empty is the runtime's default; the kubelet asks for it on such a node.
        context.apparmor.SetInParent()
        if pod.config.linux.security_context.namespace_options.HasField("userns_options"):
            _map_ids(context)
        answer = self._client.call(
            "CreateContainer", pod_sandbox_id=pod.id, config=config, sandbox_config=pod.config)
        self._client.call("StartContainer", container_id=answer.container_id)
        info = self._info("ContainerStatus", container_id=answer.container_id)
        return Container(answer.container_id, info["pid"], pod, spec)

    def exec_sync(self, container: Container, *command: str) -> str:
        """What the runtime's own exec of a command gives on standard output."""
        answer = self._client.call(
            "ExecSync", container_id=container.id, cmd=command, timeout=_CALL_SECONDS)
        assert answer.exit_code == 0, answer
        return answer.stdout.decode()

    def close(self) -> None:
        self._client.close()

    def _info(self, method: str, **fields) -> dict:
        return json.loads(self._client.call(method, verbose=True, **fields).info["info"])

    def _has_images(self) -> bool:
        references = [image.reference(name) for name in image.NAMES]
        answers = [self._client.call("ImageStatus", image={"image": it}) for it in references]
        return all(answer.image.id for answer in answers)


def _map_ids(context) -> None:
    m = messages()
    mapping = m.IDMapping(host_id=HOST_IDS, container_id=0, length=ID_COUNT)
    context.namespace_options.userns_options.CopyFrom(
        m.UserNamespace(mode=0, uids=[mapping], gids=[mapping]))
